#include "proxy/tls/server_settings.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/ticket_keys.h"

namespace weir::tls {

struct ServerSettings::Context {
  Owned<SSL_CTX> ssl;
};

namespace {

// As ALPN has them, each behind its length; the first that a client offers too is taken.
constexpr std::string_view kH2 = "\x02h2";
constexpr std::string_view kH1 = "\x08http/1.1\x08http/1.0";
constexpr std::string_view kBoth = "\x02h2\x08http/1.1\x08http/1.0";

const ServerSettings& settings_of(SSL* ssl) {
  return *static_cast<const ServerSettings*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

// The client names the host that it wants.
int on_server_name(SSL* ssl, int*, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_SSL_CTX(ssl, &settings_of(ssl).for_host(name));
  return SSL_TLSEXT_ERR_OK;
}

int on_protocols(SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                 unsigned offered_size, void*) {
  const Protocols protocols = settings_of(ssl).protocols();
  const std::string_view ours = protocols == Protocols::h1 ? kH1 : protocols == Protocols::h2 ? kH2 : kBoth;
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 3.2
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

bool set_mac(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// 1: the key is set; 2: and the client is to get a new ticket; 0: do without a ticket.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int sealing) {
  static TicketKeys
      keys;  // of the process: a session goes on at any worker, under the settings it was made under
  if (sealing != 0) {
    auto key = keys.newest();
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return 0;
    std::copy(key->name.begin(), key->name.end(), name);
    const bool set = EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher.data(), iv) == 1 &&
                     set_mac(mac, *key);
    return set ? 1 : -1;
  }
  auto found = keys.find(std::span<const unsigned char, 16>(name, 16));
  if (!found) return 0;
  const bool set =
      EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, found->key.cipher.data(), iv) == 1 &&
      set_mac(mac, found->key);
  if (!set) return -1;
  // Under TLS 1.3 a ticket is for one use (RFC 8446 C.4).
  const bool is_spent = SSL_version(ssl) == TLS1_3_VERSION;
  return is_spent || found->age == TicketKeys::Found::Age::older ? 2 : 1;
}

// A ticket is of use only under the settings it was made under.
bool bind_sessions(SSL_CTX* context, const ServerOptions& options) {
  std::string all =
      fmt::format("{} {}", kVersions[static_cast<std::size_t>(options.min_version)], options.ciphers);
  for (const CertificateFiles& files : options.certificates) all += " " + files.cert;
  all += " " + options.certificates_dir;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  return EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr) == 1 &&
         SSL_CTX_set_session_id_context(context, digest, std::min(size, SSL_MAX_SID_CTX_LENGTH + 0U)) == 1;
}

// The library's own defaults are fit for the net; this is what differs.
std::string configure(SSL_CTX* context, const ServerOptions& options) {
  const int least = options.min_version == Version::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (SSL_CTX_set_min_proto_version(context, least) != 1 ||
      SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1 || !bind_sessions(context, options))
    return last_error();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_protocols, nullptr);
  if (SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) != 1) return last_error();
  return {};
}

}  // namespace

base::Result<std::vector<CertificateFiles>, std::string> certificates_of(const ServerOptions& options) {
  std::vector<CertificateFiles> all = options.certificates;
  if (!options.certificates_dir.empty()) {
    const auto more = certificates_in(options.certificates_dir);
    if (!more) return base::unexpected(more.error());
    all.insert(all.end(), more->begin(), more->end());
  }
  if (all.empty())
    return base::unexpected(fmt::format("{}: holds no certificate (*.pem, *.crt)", options.certificates_dir));
  return all;
}

std::string objection_to_ciphers(const std::string& ciphers) {
  const Owned<SSL_CTX> trial(SSL_CTX_new(TLS_server_method()));
  return SSL_CTX_set_cipher_list(trial.get(), ciphers.c_str()) == 1 ? std::string() : last_error();
}

ServerSettings::~ServerSettings() = default;

ServerSettings::Made ServerSettings::load(const ServerOptions& options) {
  const auto all = certificates_of(options);
  if (!all) return base::unexpected(all.error());
  Certificates certificates;
  for (const CertificateFiles& files : *all) {
    auto certificate = Certificate::load(files);
    if (!certificate) return base::unexpected(certificate.error());
    certificates.push_back(std::move(*certificate));
  }
  return make(options, std::move(certificates));
}

ServerSettings::Made ServerSettings::make(const ServerOptions& options, Certificates certificates) {
  std::shared_ptr<ServerSettings> made(new ServerSettings);
  made->certificates_ = std::move(certificates);
  made->protocols_ = options.protocols;
  std::map<std::string, Set, std::less<>> sets;
  for (std::size_t i = 0; i < made->certificates_.size(); ++i)
    for (const std::string& name : made->certificates_[i]->names())
      sets[name].emplace(made->certificates_[i]->kind(), i);
  for (const auto& [name, set] : sets)
    if (const std::string why = made->add_context(options, set, made->by_name_[name]); !why.empty())
      return base::unexpected(why);
  const Certificate& first = *made->certificates_.front();
  const Set whole = first.names().empty() ? Set{{first.kind(), 0}} : sets[first.names().front()];
  if (const std::string why = made->add_context(options, whole, made->default_); !why.empty())
    return base::unexpected(why);
  return made;
}

std::string ServerSettings::add_context(const ServerOptions& options, const Set& set, const Context*& made) {
  std::unique_ptr<Context>& slot = contexts_[set];
  if (!slot) {
    slot = std::make_unique<Context>();
    slot->ssl.reset(SSL_CTX_new(TLS_server_method()));
    if (!slot->ssl) return last_error();
    SSL_CTX_set_app_data(slot->ssl.get(), this);
    if (const std::string why = configure(slot->ssl.get(), options); !why.empty()) return why;
    for (const auto& [kind, index] : set)
      if (const std::string why = certificates_[index]->add_to(*slot->ssl); !why.empty()) return why;
  }
  made = slot.get();
  return {};
}

ssl_st* ServerSettings::begin() const {
  SSL* ssl = SSL_new(default_->ssl.get());
  if (ssl != nullptr) SSL_set_accept_state(ssl);
  return ssl;
}

ssl_ctx_st& ServerSettings::for_host(std::string_view host) const {
  std::string name = base::lowered(std::string(host));
  if (name.ends_with('.')) name.pop_back();
  if (const auto exact = by_name_.find(name); exact != by_name_.end()) return *exact->second->ssl;
  if (const std::size_t dot = name.find('.'); dot != name.npos && dot > 0) {
    const auto wildcard = by_name_.find("*" + name.substr(dot));
    if (wildcard != by_name_.end()) return *wildcard->second->ssl;
  }
  return *default_->ssl;
}

}  // namespace weir::tls
