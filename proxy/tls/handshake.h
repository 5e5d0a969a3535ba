// How a TLS handshake went: what is counted of it, by the words that metrics and logs use.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::tls {

enum class Version : std::uint8_t { tls12, tls13 };
inline constexpr std::array<std::string_view, 2> kVersions = {"1.2", "1.3"};

// What is said by ALPN; nothing: what passes is not known.
enum class Offer : std::uint8_t { http, nothing };

enum class Failure : std::uint8_t {
  none,
  not_tls,       // what came is something else
  http_request,  // namely HTTP without TLS
  version,       // none that both sides speak
  cipher,        // none that both sides have
  alert,         // the other side gave up, and said so
  closed,        // the other side went away
  timeout,
  protocol,  // it broke a rule
  client_certificate_missing,
  client_certificate_expired,
  client_certificate_revoked,
  client_certificate_bad,  // otherwise
  client_crl,              // no list of revoked certificates that is valid now tells whether it is
};
inline constexpr std::array<std::string_view, 14> kFailures = {"none",
                                                               "not_tls",
                                                               "http_request",
                                                               "version",
                                                               "cipher",
                                                               "alert",
                                                               "closed",
                                                               "timeout",
                                                               "protocol",
                                                               "client_certificate_missing",
                                                               "client_certificate_expired",
                                                               "client_certificate_revoked",
                                                               "client_certificate_bad",
                                                               "client_crl"};
static_assert(kFailures.size() == static_cast<std::size_t>(Failure::client_crl) + 1);

}  // namespace weir::tls
