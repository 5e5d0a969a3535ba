// What a proxy adds to and changes in the heads that it forwards: X-Forwarded-For/-Proto/-Host, Via and
// X-Request-Id on requests, Date on responses (RFC 9110 6.6.1, 7.6.3). What a client says of itself is
// believed only from trusted proxies, and what it says of its certificate from nobody: X-Client-Cert-* is
// Weir's own word alone. Pure but for the message it is given.
#pragma once

#include <span>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/io/address.h"
#include "proxy/io/identity.h"

namespace weir::policy {

enum class Trust : std::uint8_t { none, proxy };

Trust trust_of(const io::Ip& peer, std::span<const io::IpPrefix> trusted);

// The address that the request came from in the end: the peer's own, or, behind trusted proxies, the last one
// in X-Forwarded-For that is not a trusted proxy's.
io::Ip client_of(const http::Request& request, const io::Ip& peer, std::span<const io::IpPrefix> trusted);

struct Forwarding {
  const io::Ip& peer;  // family none: a unix socket
  Trust trust = Trust::none;
  std::string_view
      scheme;  // of the connection: "http", "https"; a trusted proxy's target may name the client's
  std::string_view request_id;             // a fresh one; used where none is believed
  const io::Identity* identity = nullptr;  // that the client has proven on this connection
};
void forward(http::Request& request, const Forwarding& forwarding);

void forward(http::Response& response, std::string_view date);

// A response that is for one client alone (RFC 9111 5.2.2.7).
void keep_from_shared_caches(http::Fields& fields);

}  // namespace weir::policy
