#include "proxy/tls/server_settings.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

#include "proxy/base/ascii.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/session_check.h"
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

const ServerSettings& settings_of(const SSL* ssl) {
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
  if (settings_of(ssl).offer() == Offer::nothing) return SSL_TLSEXT_ERR_NOACK;
  const io::Protocol protocol = settings_of(ssl).protocol();
  const std::string_view ours = protocol == io::Protocol::h1   ? kH1
                                : protocol == io::Protocol::h2 ? kH2
                                                               : kBoth;
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 3.2
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// The client wants to know what the authority says of the certificate that has been chosen for it.
int on_status_request(SSL* ssl, void*) {
  const X509* chosen = SSL_get_certificate(ssl);
  const auto& all = settings_of(ssl).certificates();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const auto& each) { return chosen != nullptr && each->is(*chosen); });
  const StaplePtr staple = found != all.end() ? (*found)->staple(std::time(nullptr)) : nullptr;
  if (!staple) return SSL_TLSEXT_ERR_NOACK;
  void* copy = OPENSSL_memdup(staple->der.data(), staple->der.size());
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy,
                                  static_cast<long>(staple->der.size()));  // it is the library's now
  return SSL_TLSEXT_ERR_OK;
}

bool set_mac(EVP_MAC_CTX* mac, TicketKey& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac.data(), key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

const EVP_CIPHER* cipher_of(const TicketKey& key) {
  return key.kind == TicketKey::Kind::aes128 ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
}

std::optional<TicketKey> sealing_key(const TicketFiles* files) {
  return files != nullptr ? files->newest() : TicketKeys::of_process().newest();
}

std::optional<TicketKeys::Found> opening_key(const TicketFiles* files, const unsigned char* name) {
  const std::span<const unsigned char, 16> wanted(name, 16);
  return files != nullptr ? files->find(wanted) : TicketKeys::of_process().find(wanted);
}

// 1: the key is set; 2: and the client is to get a new ticket; 0: do without a ticket. A session goes on at
// any worker, under the settings it was made under.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int sealing) {
  const TicketFiles* files = settings_of(ssl).ticket_keys().get();
  if (sealing != 0) {
    auto key = sealing_key(files);
    if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(cipher_of(*key))) != 1) return 0;
    std::copy(key->name.begin(), key->name.end(), name);
    const bool set = EVP_EncryptInit_ex(cipher, cipher_of(*key), nullptr, key->cipher.data(), iv) == 1 &&
                     set_mac(mac, *key);
    return set ? 1 : -1;
  }
  auto found = opening_key(files, name);
  if (!found) return 0;
  const bool set =
      EVP_DecryptInit_ex(cipher, cipher_of(found->key), nullptr, found->key.cipher.data(), iv) == 1 &&
      set_mac(mac, found->key);
  if (!set) return -1;
  // Under TLS 1.3 a ticket is for one use (RFC 8446 C.4).
  const bool is_spent = SSL_version(ssl) == TLS1_3_VERSION;
  return is_spent || found->age == TicketKeys::Found::Age::older ? 2 : 1;
}

// A ticket is of use only under the settings it was made under; and while the same clients are believed,
// since whoever goes on with a session shows no certificate again.
bool bind_sessions(SSL_CTX* context, const ServerOptions& options, const ClientTrust* client_trust) {
  std::string all =
      fmt::format("{} {}", kVersions[static_cast<std::size_t>(options.min_version)], options.ciphers);
  for (const CertificateFiles& files : options.certificates) all += " " + files.cert;
  all += " " + options.certificates_dir;
  if (client_trust != nullptr)
    all += fmt::format(" {} {}", static_cast<int>(options.client_auth), client_trust->digest());
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  return EVP_Digest(all.data(), all.size(), digest, &size, EVP_sha256(), nullptr) == 1 &&
         SSL_CTX_set_session_id_context(context, digest, std::min(size, SSL_MAX_SID_CTX_LENGTH + 0U)) == 1;
}

// The library's own defaults are fit for the net; this is what differs.
std::string configure(SSL_CTX* context, const ServerOptions& options, const ClientTrust* client_trust) {
  const int least = options.min_version == Version::tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (SSL_CTX_set_min_proto_version(context, least) != 1 ||
      SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1 ||
      !bind_sessions(context, options, client_trust))
    return last_error();
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_early_data(context, 0);
  SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_protocols, nullptr);
  SSL_CTX_set_tlsext_status_cb(context, on_status_request);
  const auto until = client_trust != nullptr ? client_trust->crl_until() : std::nullopt;
  if (SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) != 1 || !check_sessions(*context, until))
    return last_error();
  return client_trust != nullptr ? client_trust->add_to(*context, options.client_auth) : std::string();
}

std::string as_name(std::string_view host) {
  std::string name = base::lowered(std::string(host));
  if (name.ends_with('.')) name.pop_back();
  return name;
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
  ServerMaterial material;
  for (const CertificateFiles& files : *all) {
    auto certificate = Certificate::load(files);
    if (!certificate) return base::unexpected(certificate.error());
    material.certificates.push_back(std::move(*certificate));
  }
  if (!options.client_trust.ca.empty()) {
    auto trust = ClientTrust::load(options.client_trust);
    if (!trust) return base::unexpected(trust.error());
    material.client_trust = std::move(*trust);
  }
  if (!options.ticket_keys.empty()) {
    auto keys = TicketFiles::load(options.ticket_keys);
    if (!keys) return base::unexpected(keys.error());
    material.ticket_keys = std::move(*keys);
  }
  return make(options, std::move(material));
}

ServerSettings::Renewed ServerSettings::renew(const ServerOptions& options, const ServerSettings& before) {
  Renewed renewed;
  const auto read = [&](auto& slot, auto made) {
    if (made)
      slot = std::move(*made);
    else
      renewed.complaints.push_back(made.error());
  };
  const auto all = certificates_of(options);
  if (!all) return {nullptr, {all.error()}};
  ServerMaterial material = before.material_;
  material.certificates.clear();
  for (const CertificateFiles& files : *all) {
    const auto& known = before.certificates();
    const auto same = std::find_if(known.begin(), known.end(), [&](const auto& each) {
      return each->files().cert == files.cert && each->files().key == files.key;
    });
    std::shared_ptr<const Certificate> certificate = same != known.end() ? *same : nullptr;
    read(certificate, Certificate::load(files));
    if (certificate) material.certificates.push_back(std::move(certificate));
  }
  if (material.certificates.empty()) return {nullptr, std::move(renewed.complaints)};
  if (!options.client_trust.ca.empty()) read(material.client_trust, ClientTrust::load(options.client_trust));
  if (!options.ticket_keys.empty()) read(material.ticket_keys, TicketFiles::load(options.ticket_keys));
  read(renewed.settings, make(options, std::move(material)));
  return renewed;
}

ServerSettings::Made ServerSettings::make(const ServerOptions& options, ServerMaterial material) {
  std::shared_ptr<ServerSettings> made(new ServerSettings);
  made->material_ = std::move(material);
  made->protocol_ = options.protocol;
  made->offer_ = options.offer;
  std::map<std::string, Set, std::less<>> sets;
  const auto& certificates = made->certificates();
  for (std::size_t i = 0; i < certificates.size(); ++i)
    for (const std::string& name : certificates[i]->names()) sets[name].emplace(certificates[i]->kind(), i);
  for (const auto& [name, set] : sets)
    if (const std::string why = made->add_context(options, set, made->by_name_[name]); !why.empty())
      return base::unexpected(why);
  const Certificate& first = *certificates.front();
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
    if (const std::string why = configure(slot->ssl.get(), options, client_trust().get()); !why.empty())
      return why;
    for (const auto& [kind, index] : set)
      if (const std::string why = certificates()[index]->add_to(*slot->ssl); !why.empty()) return why;
  }
  made = slot.get();
  return {};
}

ssl_st* ServerSettings::begin() const {
  SSL* ssl = SSL_new(default_->ssl.get());
  if (ssl != nullptr) SSL_set_accept_state(ssl);
  return ssl;
}

const ServerSettings::Context* ServerSettings::find(std::string_view name) const {
  if (const auto exact = by_name_.find(name); exact != by_name_.end()) return exact->second;
  const std::size_t dot = name.find('.');
  if (dot == name.npos || dot == 0) return nullptr;
  const auto wildcard = by_name_.find("*" + std::string(name.substr(dot)));
  return wildcard != by_name_.end() ? wildcard->second : nullptr;
}

ssl_ctx_st& ServerSettings::for_host(std::string_view host) const {
  const Context* found = find(as_name(host));
  return *(found != nullptr ? found : default_)->ssl;
}

bool ServerSettings::serves(const ssl_st& connection, std::string_view host) {
  if (SSL_get_servername(&connection, TLSEXT_NAMETYPE_host_name) == nullptr) return true;
  const ServerSettings& settings = settings_of(&connection);
  const std::string name = as_name(host);
  const Context* wanted = settings.find(name);
  return wanted == nullptr || settings.serves(connection, *wanted, name);
}

// Who goes on with a session is served with no certificate, so that any of its host's will do.
bool ServerSettings::serves(const ssl_st& connection, const Context& context, std::string_view name) const {
  const SSL_CTX* served = SSL_get_SSL_CTX(&connection);
  if (context.ssl.get() == served) return true;
  const X509* shown = SSL_session_reused(&connection) == 1 ? nullptr : SSL_get_certificate(&connection);
  const auto has_served = [&](std::size_t index) {
    return shown == nullptr || certificates()[index]->is(*shown);
  };
  for (const auto& [set, each] : contexts_)
    if (each->ssl.get() == served)
      return std::any_of(set.begin(), set.end(), [&](const auto& kind) {
        return has_served(kind.second) && certificates()[kind.second]->covers(name);
      });
  return true;
}

std::string ServerSettings::stamp() const {
  std::string all;
  for (const auto& certificate : certificates()) all += certificate->stamp() + "\n";
  if (client_trust()) all += client_trust()->stamp();
  if (ticket_keys()) all += ticket_keys()->stamp();
  return all;
}

std::string stamp_of(const ServerOptions& options) {
  std::string all;
  const auto certificates = certificates_of(options);
  if (!certificates) return certificates.error();
  for (const CertificateFiles& files : *certificates) all += stamp_of(files) + "\n";
  return all + stamp_of(options.client_trust) + stamp_of(options.ticket_keys);
}

}  // namespace weir::tls
