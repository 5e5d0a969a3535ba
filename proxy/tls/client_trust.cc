#include "proxy/tls/client_trust.h"

#include <fmt/format.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "proxy/tls/pem_file.h"

namespace weir::tls {

struct ClientTrust::Parts {
  Owned<X509_STORE> store;
  std::vector<Owned<X509>> authorities;
};

namespace {

// Of the names of authorities that clients are told; more would not fit into the handshake, and without any
// each client shows what it has.
constexpr std::size_t kMostNames = 16 * 1024;

std::size_t size_of_names(const std::vector<Owned<X509>>& authorities) {
  std::size_t size = 0;
  for (const Owned<X509>& each : authorities)
    size += static_cast<std::size_t>(std::max(0, i2d_X509_NAME(X509_get_subject_name(each.get()), nullptr)));
  return size;
}

}  // namespace

std::string stamp_of(const ClientTrustFiles& files) {
  std::string stamp;
  for (const std::string* path : {&files.ca, &files.crl})
    if (!path->empty()) stamp += stamp_of_file(*path);
  return stamp;
}

base::Result<std::shared_ptr<const ClientTrust>, std::string> ClientTrust::load(
    const ClientTrustFiles& files) {
  std::shared_ptr<ClientTrust> loaded(new ClientTrust);
  loaded->stamp_ = stamp_of(files);
  auto parts = std::make_shared<Parts>();
  parts->store.reset(X509_STORE_new());
  if (!parts->store) return base::unexpected(last_error());
  const auto authorities = contents_of(files.ca);
  if (!authorities) return base::unexpected(authorities.error());
  std::string why = loaded->read_authorities(*parts, files.ca, *authorities);
  loaded->digest_ = sha256_of(*authorities);
  if (why.empty() && !files.crl.empty()) {
    const auto lists = contents_of(files.crl);
    if (!lists) return base::unexpected(lists.error());
    why = loaded->read_lists(*parts, files.crl, *lists);
    loaded->digest_ += " " + sha256_of(*lists);
  }
  if (!why.empty()) return base::unexpected(std::move(why));
  loaded->parts_ = std::move(parts);
  return loaded;
}

std::string ClientTrust::read_authorities(Parts& parts, const std::string& path, const std::string& text) {
  const Owned<BIO> reader = reader_of(text);
  while (Owned<X509> each{PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(parts.store.get(), each.get()) != 1)
      return fmt::format("{}: cannot be used: {}", path, last_error());
    parts.authorities.push_back(std::move(each));
  }
  const std::string why = last_error();  // or the file's end
  if (parts.authorities.empty()) return fmt::format("{}: holds no certificate in PEM ({})", path, why);
  return ends_well(why) ? std::string() : fmt::format("{}: holds a broken certificate ({})", path, why);
}

std::string ClientTrust::read_lists(Parts& parts, const std::string& path, const std::string& text) {
  const Owned<BIO> reader = reader_of(text);
  std::size_t count = 0;
  while (const Owned<X509_CRL> each{PEM_read_bio_X509_CRL(reader.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_crl(parts.store.get(), each.get()) != 1)
      return fmt::format("{}: cannot be used: {}", path, last_error());
    const std::int64_t until = seconds_of(X509_CRL_get0_nextUpdate(each.get()));
    if (until != 0) crl_until_ = std::min(crl_until_.value_or(until), until);
    ++count;
  }
  const std::string why = last_error();
  if (count == 0) return fmt::format("{}: holds no list of revoked certificates in PEM ({})", path, why);
  if (!ends_well(why)) return fmt::format("{}: holds a broken list ({})", path, why);
  X509_STORE_set_flags(parts.store.get(), X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

std::string ClientTrust::add_to(ssl_ctx_st& context, ClientAuth auth) const {
  if (auth == ClientAuth::none) return {};
  if (SSL_CTX_set1_verify_cert_store(&context, parts_->store.get()) != 1) return last_error();
  if (size_of_names(parts_->authorities) <= kMostNames)
    for (const Owned<X509>& each : parts_->authorities)
      if (SSL_CTX_add_client_CA(&context, each.get()) != 1) return last_error();
  const int whether = auth == ClientAuth::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER | whether, nullptr);
  return {};
}

}  // namespace weir::tls
