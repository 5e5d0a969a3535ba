#include "proxy/tls/client_settings.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <utility>

#include "proxy/io/address.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/pem_file.h"
#include "proxy/tls/tls_transport.h"

namespace weir::tls {

namespace {

// As ALPN has them, the most wanted first.
std::string_view asked_protocols(io::Protocol protocol) {
  constexpr std::string_view kBoth = "\2h2\10http/1.1";
  switch (protocol) {
    case io::Protocol::h1:
      return kBoth.substr(3);
    case io::Protocol::h2:
      return kBoth.substr(0, 3);
    case io::Protocol::any:
      break;
  }
  return kBoth;
}

// "a.test:8443" is a.test; "[::1]:80" is ::1.
std::string name_of(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(1, host.find(']') - 1));
  return std::string(host.substr(0, host.find(':')));
}

std::string trust(SSL_CTX* context, const std::string& ca) {
  if (ca.empty()) return SSL_CTX_set_default_verify_paths(context) == 1 ? std::string() : last_error();
  if (std::string why = objection_to_file(ca); !why.empty()) return why;
  if (SSL_CTX_load_verify_file(context, ca.c_str()) == 1) return {};
  return fmt::format("{}: holds no certificates of authorities in PEM ({})", ca, last_error());
}

std::string configure_client(SSL_CTX* context, const ClientOptions& options) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, TlsTransport::keep_session);
  const std::string_view asked = asked_protocols(options.protocol);
  if (SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(asked.data()),
                              static_cast<unsigned>(asked.size())) != 0)
    return last_error();
  if (options.verify == Verify::on) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (const std::string why = trust(context, options.ca); !why.empty()) return why;
  }
  if (!options.certificate) return {};
  const auto certificate = Certificate::load(*options.certificate);
  return certificate ? (*certificate)->add_to(*context) : certificate.error();
}

}  // namespace

SessionSlot::~SessionSlot() {
  SSL_SESSION_free(session_);
}

void SessionSlot::keep(ssl_session_st* session, std::shared_ptr<const void> settings) {
  SSL_SESSION_free(std::exchange(session_, session));
  settings_ = std::move(settings);
}

ClientSettings::~ClientSettings() {
  SSL_CTX_free(context_);
}

base::Result<std::shared_ptr<const ClientSettings>, std::string> ClientSettings::load(
    const ClientOptions& options) {
  std::shared_ptr<ClientSettings> made(new ClientSettings(options));
  made->context_ = SSL_CTX_new(TLS_client_method());
  if (made->context_ == nullptr) return base::unexpected(last_error());
  if (const std::string why = configure_client(made->context_, options); !why.empty())
    return base::unexpected(why);
  return made;
}

ssl_st* ClientSettings::begin(std::string_view host) const {
  SSL* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  SSL_set_connect_state(ssl);
  const std::string name = options_.sni ? *options_.sni : name_of(host);
  const bool is_address = io::Ip::parse(name).has_value();
  if (!is_address && !name.empty()) SSL_set_tlsext_host_name(ssl, name.c_str());
  if (options_.verify == Verify::off || name.empty()) return ssl;
  X509_VERIFY_PARAM* wanted = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_address)
    X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str());
  else
    X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size());
  return ssl;
}

}  // namespace weir::tls
