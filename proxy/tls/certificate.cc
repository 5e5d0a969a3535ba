#include "proxy/tls/certificate.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/pem_file.h"
#include "proxy/tls/staple_book.h"

namespace weir::tls {

struct Certificate::Parts {
  Owned<X509> leaf;
  std::vector<Owned<X509>> chain;
  Owned<EVP_PKEY> key;
};

namespace {

using Text = base::Result<Owned<BIO>, std::string>;

Text open_file(const std::string& path) {
  if (std::string why = objection_to_file(path); !why.empty()) return base::unexpected(std::move(why));
  Owned<BIO> file(BIO_new_file(path.c_str(), "r"));
  if (file) return file;
  return base::unexpected(fmt::format("{}: can't be read: {}", path, last_error()));
}

// The library would ask the terminal.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

base::Result<Owned<EVP_PKEY>, std::string> read_key(const std::string& path) {
  auto file = open_file(path);
  if (!file) return base::unexpected(file.error());
  bool asked = false;
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(file->get(), nullptr, no_password, &asked));
  if (key) return key;
  const std::string why = last_error();
  if (asked)
    return base::unexpected(fmt::format("{}: the key needs a password; Weir takes keys without one", path));
  return base::unexpected(fmt::format("{}: holds no private key in PEM ({})", path, why));
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

void add_name(std::vector<std::string>& names, std::string name) {
  name = base::lowered(std::move(name));
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
    names.push_back(std::move(name));
}

std::vector<std::string> names_of(X509* leaf) {
  std::vector<std::string> names;
  const Owned<GENERAL_NAMES> all(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type == GEN_DNS) add_name(names, text_of(name->d.dNSName));
  }
  if (all) return names;
  const X509_NAME* subject = X509_get_subject_name(leaf);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) add_name(names, text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
  return names;
}

Certificate::Kind kind_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return Certificate::Kind::rsa;
    case EVP_PKEY_EC:
      return Certificate::Kind::ecdsa;
    default:
      return Certificate::Kind::other;
  }
}

}  // namespace

std::string fingerprint_of(const x509_st& certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest, &size) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

base::Result<std::vector<CertificateFiles>, std::string> certificates_in(const std::string& folder) {
  std::error_code error;
  std::vector<CertificateFiles> found;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::filesystem::path path = entry->path();
    const std::string kind = path.extension();
    if ((kind != ".pem" && kind != ".crt") || path.filename().string().starts_with('.')) continue;
    CertificateFiles files{.cert = path, .key = path};
    std::error_code absent;
    if (std::filesystem::exists(path.replace_extension(".key"), absent)) files.key = path;
    if (std::filesystem::exists(path.replace_extension(".ocsp"), absent)) {
      files.stapling = Stapling::file;
      files.ocsp = path;
    }
    found.push_back(std::move(files));
  }
  if (error) return base::unexpected(fmt::format("{}: can't be read: {}", folder, error.message()));
  std::sort(found.begin(), found.end(),
            [](const CertificateFiles& a, const CertificateFiles& b) { return a.cert < b.cert; });
  return found;
}

std::string stamp_of(const CertificateFiles& files) {
  const std::string pair = stamp_of_file(files.cert) + stamp_of_file(files.key);
  return files.stapling == Stapling::file ? pair + stamp_of_file(files.ocsp) : pair;
}

base::Result<std::shared_ptr<const Certificate>, std::string> Certificate::load(
    const CertificateFiles& files) {
  std::string stamp = stamp_of(files);
  auto file = open_file(files.cert);
  if (!file) return base::unexpected(file.error());
  auto parts = std::make_shared<Parts>();
  parts->leaf.reset(PEM_read_bio_X509_AUX(file->get(), nullptr, nullptr, nullptr));
  if (!parts->leaf)
    return base::unexpected(fmt::format("{}: holds no certificate in PEM ({})", files.cert, last_error()));
  while (Owned<X509> more{PEM_read_bio_X509(file->get(), nullptr, nullptr, nullptr)})
    parts->chain.push_back(std::move(more));
  if (const std::string why = last_error(); !ends_well(why))
    return base::unexpected(fmt::format("{}: its chain cannot be read ({})", files.cert, why));
  auto key = read_key(files.key);
  if (!key) return base::unexpected(key.error());
  parts->key = std::move(*key);
  if (X509_check_private_key(parts->leaf.get(), parts->key.get()) != 1) {
    last_error();
    return base::unexpected(fmt::format("{} is not the key of {}", files.key, files.cert));
  }
  std::shared_ptr<Certificate> loaded(new Certificate);
  loaded->files_ = files;
  loaded->names_ = names_of(parts->leaf.get());
  loaded->kind_ = kind_of(parts->key.get());
  loaded->not_before_ = seconds_of(X509_get0_notBefore(parts->leaf.get()));
  loaded->not_after_ = seconds_of(X509_get0_notAfter(parts->leaf.get()));
  loaded->stamp_ = std::move(stamp);
  loaded->fingerprint_ = fingerprint_of(*parts->leaf);
  loaded->parts_ = std::move(parts);
  const Owned<SSL_CTX> trial(SSL_CTX_new(TLS_server_method()));
  if (const std::string why = loaded->add_to(*trial); !why.empty())
    return base::unexpected(fmt::format("{}: cannot be served with: {}", files.cert, why));
  if (files.stapling == Stapling::file) loaded->load_staple();
  return loaded;
}

bool Certificate::covers(std::string_view host) const {
  const auto has = [this](std::string_view name) {
    return std::find(names_.begin(), names_.end(), name) != names_.end();
  };
  const std::size_t dot = host.find('.');
  return has(host) || (dot != host.npos && dot > 0 && has("*" + std::string(host.substr(dot))));
}

void Certificate::load_staple() {
  auto der = contents_of(files_.ocsp);
  auto staple = der ? read_staple(std::move(*der), std::time(nullptr)) : base::unexpected(der.error());
  if (staple)
    staple_ = std::move(*staple);
  else
    staple_complaint_ = der ? fmt::format("{}: {}", files_.ocsp, staple.error()) : staple.error();
}

const x509_st* Certificate::issuer() const {
  for (const Owned<X509>& each : parts_->chain)
    if (X509_check_issued(each.get(), parts_->leaf.get()) == X509_V_OK) return each.get();
  return nullptr;
}

base::Result<StaplePtr, std::string> Certificate::read_staple(std::string der, std::int64_t now) const {
  const X509* by = issuer();
  if (by != nullptr) return tls::read_staple(std::move(der), *parts_->leaf, *by, now);
  return base::unexpected(fmt::format("the issuer's certificate is not in {}", files_.cert));
}

base::Result<StapleQuestion, std::string> Certificate::staple_question() const {
  const X509* by = issuer();
  if (by != nullptr) return question_for(*parts_->leaf, *by);
  return base::unexpected(fmt::format("the issuer's certificate is not in {}", files_.cert));
}

StaplePtr Certificate::staple(std::int64_t now) const {
  StaplePtr known =
      files_.stapling == Stapling::fetch ? StapleBook::of_process().find(fingerprint_) : staple_;
  return known && known->holds_at(now) ? known : nullptr;
}

bool Certificate::is(const x509_st& certificate) const {
  return parts_->leaf.get() == &certificate;
}

std::string Certificate::add_to(ssl_ctx_st& context) const {
  if (SSL_CTX_use_certificate(&context, parts_->leaf.get()) != 1) return last_error();
  if (SSL_CTX_use_PrivateKey(&context, parts_->key.get()) != 1) return last_error();
  for (const Owned<X509>& each : parts_->chain)
    if (SSL_CTX_add1_chain_cert(&context, each.get()) != 1) return last_error();
  return {};
}

}  // namespace weir::tls
