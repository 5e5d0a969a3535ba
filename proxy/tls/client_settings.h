// How TLS is spoken to the nodes of a pool: whom to believe, which name to ask for, what to show of oneself.
// Immutable once made; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/io/protocol.h"
#include "proxy/tls/certificate.h"

struct ssl_ctx_st;
struct ssl_st;
struct ssl_session_st;

namespace weir::tls {

enum class Verify : std::uint8_t { off, on };

struct ClientOptions {
  std::string ca;              // a PEM file of authorities; "": the system's
  Verify verify = Verify::on;  // the node's certificate: its chain, its time, its name
  // The name that is asked for and looked for in the certificate; none: the node's own, as it is configured.
  std::optional<std::string> sni;
  std::optional<CertificateFiles> certificate;  // shown to nodes that ask for one
  io::Protocol protocol = io::Protocol::h1;     // what is asked for by ALPN
  friend bool operator==(const ClientOptions&, const ClientOptions&) = default;
};

class ClientSettings;

// The latest session with one node, to go on with under the settings that it was made under, and no others:
// whoever goes on is not verified again. Loop thread only.
class SessionSlot {
 public:
  SessionSlot() = default;
  ~SessionSlot();
  SessionSlot(const SessionSlot&) = delete;
  SessionSlot& operator=(const SessionSlot&) = delete;

  void keep(ssl_session_st* session, std::shared_ptr<const void> settings);  // takes it
  ssl_session_st* get(const std::shared_ptr<const ClientSettings>& settings) const {
    return settings_ == settings ? session_ : nullptr;
  }

 private:
  ssl_session_st* session_ = nullptr;
  std::shared_ptr<const void> settings_;
};

class ClientSettings {
 public:
  // Reads files. The error says which is no good, and why.
  static base::Result<std::shared_ptr<const ClientSettings>, std::string> load(const ClientOptions& options);
  ~ClientSettings();
  ClientSettings(const ClientSettings&) = delete;
  ClientSettings& operator=(const ClientSettings&) = delete;

  const ClientOptions& options() const { return options_; }

  // For TlsTransport: a session with a node, the caller's own; nullptr without memory. `host` is the node as
  // it is configured: a name, or an address, perhaps with a port.
  ssl_st* begin(std::string_view host) const;

 private:
  explicit ClientSettings(ClientOptions options) : options_(std::move(options)) {}

  const ClientOptions options_;
  ssl_ctx_st* context_ = nullptr;
};

// By their options; both may be nullptr, which is in clear.
inline bool alike(const std::shared_ptr<const ClientSettings>& a,
                  const std::shared_ptr<const ClientSettings>& b) {
  return a == b || (a && b && a->options() == b->options());
}

}  // namespace weir::tls
