// Which certificates of clients a listener believes: the authorities of one PEM file, and what another one
// says has been revoked since. Immutable once loaded; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/base/result.h"

struct ssl_ctx_st;

namespace weir::tls {

// What clients are asked for. optional: who shows none is served, and who shows a bad one is not.
enum class ClientAuth : std::uint8_t { none, optional, required };

// Where it lies.
struct ClientTrustFiles {
  std::string ca;   // PEM: authorities; "": nobody is asked for a certificate
  std::string crl;  // PEM: their lists of revoked certificates; "": none
  friend bool operator==(const ClientTrustFiles&, const ClientTrustFiles&) = default;
};

// Changes whenever one of the files does. Asks the file system.
std::string stamp_of(const ClientTrustFiles& files);

class ClientTrust {
 public:
  // The error says which file is no good, and why. Reads files.
  static base::Result<std::shared_ptr<const ClientTrust>, std::string> load(const ClientTrustFiles& files);

  const std::string& stamp() const { return stamp_; }    // of its files, before they were read
  const std::string& digest() const { return digest_; }  // of what they held
  // When the first of the lists is due to be replaced, in seconds since 1970. From then on the library takes
  // it for no list at all, and nobody for unrevoked.
  std::optional<std::int64_t> crl_until() const { return crl_until_; }

  // The context asks its clients from now on. Empty, or why not.
  std::string add_to(ssl_ctx_st& context, ClientAuth auth) const;

 private:
  struct Parts;

  ClientTrust() = default;
  std::string read_authorities(Parts& parts, const std::string& path, const std::string& text);
  std::string read_lists(Parts& parts, const std::string& path, const std::string& text);

  std::shared_ptr<const Parts> parts_;
  std::optional<std::int64_t> crl_until_;
  std::string digest_;
  std::string stamp_;
};

}  // namespace weir::tls
