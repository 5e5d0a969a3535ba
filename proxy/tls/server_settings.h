// How a listener speaks TLS: its certificates, each under its own names, versions, ciphers, session tickets.
// Immutable once made; any thread. Connections hold what they began with.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/io/protocol.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/client_trust.h"
#include "proxy/tls/handshake.h"
#include "proxy/tls/ticket_files.h"

struct ssl_st;
struct ssl_ctx_st;

namespace weir::tls {

// TLS 1.2's, with forward secrecy and authenticated encryption: Mozilla's intermediate ones. TLS 1.3 has its
// own.
inline constexpr std::string_view kDefaultCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct ServerOptions {
  std::vector<CertificateFiles> certificates;
  std::string certificates_dir;  // a folder with more of them, behind these; "": none
  Version min_version = Version::tls12;
  std::string ciphers = std::string(kDefaultCiphers);  // of TLS 1.2, in OpenSSL's notation
  ClientTrustFiles client_trust;
  ClientAuth client_auth = ClientAuth::none;
  std::vector<std::string> ticket_keys;       // files of TicketFiles; none: the process's own keys
  io::Protocol protocol = io::Protocol::any;  // what is offered to clients that ask for one by ALPN
  Offer offer = Offer::http;
  friend bool operator==(const ServerOptions&, const ServerOptions&) = default;
};

// All that are to be served with, at least one; the first is for clients that name no host. Reads the folder.
base::Result<std::vector<CertificateFiles>, std::string> certificates_of(const ServerOptions& options);

// Empty, or why the library knows none of these ciphers.
std::string objection_to_ciphers(const std::string& ciphers);

// What the files of a listener's options held.
struct ServerMaterial {
  std::vector<std::shared_ptr<const Certificate>> certificates;  // certificates_of(options)
  std::shared_ptr<const ClientTrust> client_trust;               // nullptr: clients are not asked
  std::shared_ptr<const TicketFiles> ticket_keys;                // nullptr: the process's own
};

class ServerSettings {
 public:
  using Made = base::Result<std::shared_ptr<const ServerSettings>, std::string>;
  struct Renewed;

  // Reads the files of `options`.
  static Made load(const ServerOptions& options);
  // The same, where what is no good is left as it was in `before`.
  static Renewed renew(const ServerOptions& options, const ServerSettings& before);
  static Made make(const ServerOptions& options, ServerMaterial material);
  ~ServerSettings();
  ServerSettings(const ServerSettings&) = delete;
  ServerSettings& operator=(const ServerSettings&) = delete;

  const std::vector<std::shared_ptr<const Certificate>>& certificates() const {
    return material_.certificates;
  }
  const std::shared_ptr<const ClientTrust>& client_trust() const { return material_.client_trust; }
  const std::shared_ptr<const TicketFiles>& ticket_keys() const { return material_.ticket_keys; }
  std::string stamp() const;  // as stamp_of(options) was when the files were read
  io::Protocol protocol() const { return protocol_; }
  Offer offer() const { return offer_; }

  // For TlsTransport: a connection's session, the caller's own; nullptr without memory.
  ssl_st* begin() const;
  // What a client that names this host is served with. Names are compared without case; an exact name comes
  // before a wildcard, which stands for one label.
  ssl_ctx_st& for_host(std::string_view host) const;
  // Whether a client of this connection may ask it for this host (RFC 9110 7.4, 15.5.20): not if another
  // certificate is for it, and the one that it was served with is not. A client that named no host may ask
  // for any.
  static bool serves(const ssl_st& connection, std::string_view host);

 private:
  struct Context;
  // By kind of key; indexes of certificates().
  using Set = std::map<Certificate::Kind, std::size_t>;

  ServerSettings() = default;
  const Context* find(std::string_view name) const;
  bool serves(const ssl_st& connection, const Context& context, std::string_view name) const;
  std::string add_context(const ServerOptions& options, const Set& set, const Context*& made);

  ServerMaterial material_;
  io::Protocol protocol_ = io::Protocol::any;
  Offer offer_ = Offer::http;
  std::map<Set, std::unique_ptr<Context>> contexts_;
  std::map<std::string, const Context*, std::less<>> by_name_;
  const Context* default_ = nullptr;
};

struct ServerSettings::Renewed {
  std::shared_ptr<const ServerSettings> settings;  // nullptr: all is as it was
  std::vector<std::string> complaints;  // of what was left as it was: which file is no good, and why
};

// Changes whenever one of the files does, or others come to be the options'. Asks the file system.
std::string stamp_of(const ServerOptions& options);

}  // namespace weir::tls
