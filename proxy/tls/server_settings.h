// How a listener speaks TLS: its certificates, each under its own names, versions, ciphers, session tickets.
// Immutable once made; any thread. Connections hold what they began with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/handshake.h"

struct ssl_st;
struct ssl_ctx_st;

namespace weir::tls {

// TLS 1.2's, with forward secrecy and authenticated encryption: Mozilla's intermediate ones. TLS 1.3 has its
// own.
inline constexpr std::string_view kDefaultCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// What is offered to clients that ask for one by ALPN.
enum class Protocols : std::uint8_t { both, h1, h2 };

struct ServerOptions {
  std::vector<CertificateFiles> certificates;
  std::string certificates_dir;  // a folder with more of them, behind these; "": none
  Version min_version = Version::tls12;
  std::string ciphers = std::string(kDefaultCiphers);  // of TLS 1.2, in OpenSSL's notation
  Protocols protocols = Protocols::both;
  friend bool operator==(const ServerOptions&, const ServerOptions&) = default;
};

// All that are to be served with, at least one; the first is for clients that name no host. Reads the folder.
base::Result<std::vector<CertificateFiles>, std::string> certificates_of(const ServerOptions& options);

// Empty, or why the library knows none of these ciphers.
std::string objection_to_ciphers(const std::string& ciphers);

class ServerSettings {
 public:
  using Made = base::Result<std::shared_ptr<const ServerSettings>, std::string>;

  using Certificates = std::vector<std::shared_ptr<const Certificate>>;

  // Reads the files of `options`.
  static Made load(const ServerOptions& options);
  // The certificates are certificates_of(options), loaded.
  static Made make(const ServerOptions& options, Certificates certificates);
  ~ServerSettings();
  ServerSettings(const ServerSettings&) = delete;
  ServerSettings& operator=(const ServerSettings&) = delete;

  const Certificates& certificates() const { return certificates_; }
  Protocols protocols() const { return protocols_; }

  // For TlsTransport: a connection's session, the caller's own; nullptr without memory.
  ssl_st* begin() const;
  // What a client that names this host is served with. Names are compared without case; an exact name comes
  // before a wildcard, which stands for one label.
  ssl_ctx_st& for_host(std::string_view host) const;

 private:
  struct Context;
  // By kind of key; indexes of certificates_.
  using Set = std::map<Certificate::Kind, std::size_t>;

  ServerSettings() = default;
  std::string add_context(const ServerOptions& options, const Set& set, const Context*& made);

  Certificates certificates_;
  Protocols protocols_ = Protocols::both;
  std::map<Set, std::unique_ptr<Context>> contexts_;
  std::map<std::string, const Context*, std::less<>> by_name_;
  const Context* default_ = nullptr;
};

}  // namespace weir::tls
