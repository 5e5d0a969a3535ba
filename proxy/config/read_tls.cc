#include "proxy/config/read_tls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "proxy/config/read_https.h"
#include "proxy/config/scalar.h"
#include "proxy/http/uri.h"

namespace weir::config {

namespace {

using Certificates = std::vector<std::shared_ptr<const tls::Certificate>>;

void read_path_of(const Field& field, std::string& out, std::string_view wanted) {
  if (!field.must_be(Value::Kind::scalar, wanted)) return;
  if (field.value.text.empty()) return field.refuse(wanted);
  out = field.report.whole_path(field.value.text);
}

void read_pem_path(const Field& field, std::string& out) {
  read_path_of(field, out, "a PEM file, such as /etc/weir/example.com.pem");
}

std::string warning_of(const tls::Certificate& certificate, std::string_view what) {
  return fmt::format("the certificate for {} {}",
                     certificate.names().empty() ? "nobody" : certificate.names().front(), what);
}

void warn_of_dates(const Field& field, const tls::Certificate& certificate) {
  const std::int64_t now = std::time(nullptr);
  if (certificate.not_after() < now)
    field.report.warning(field.value.at, field.path, warning_of(certificate, "has expired"));
  else if (certificate.not_before() > now)
    field.report.warning(field.value.at, field.path, warning_of(certificate, "is not valid yet"));
}

void warn_of_staple(const Field& field, const tls::Certificate& certificate) {
  if (!certificate.staple_complaint().empty())
    field.report.warning(
        field.value.at, field.path,
        fmt::format("{}; the certificate is served without", certificate.staple_complaint()));
  if (certificate.files().stapling != tls::Stapling::fetch) return;
  if (const auto question = certificate.staple_question(); !question)
    field.report.warning(field.value.at, field.path,
                         fmt::format("nobody can be asked about it (ocsp: fetch): {}", question.error()));
}

void read_stapling(const Field& field, tls::CertificateFiles& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "fetch") {
    out.stapling = tls::Stapling::fetch;
    return;
  }
  read_path_of(field, out.ocsp, "fetch, or a file with an OCSP response in DER");
  if (!out.ocsp.empty()) out.stapling = tls::Stapling::file;
}

void read_certificate(const Field& field, tls::CertificateFiles& out, Certificates& loaded) {
  const Section section(field, keys::kCertificate);
  section.require("cert", read_pem_path, out.cert);
  section.read("key", read_pem_path, out.key);
  section.read("ocsp", read_stapling, out);
  if (out.key.empty() && !section.has("key")) out.key = out.cert;
  if (out.cert.empty() || out.key.empty()) return;
  auto certificate = tls::Certificate::load(out);
  if (!certificate) return field.fail(certificate.error());
  warn_of_dates(field, **certificate);
  warn_of_staple(field, **certificate);
  loaded.push_back(std::move(*certificate));
}

void read_certificates(const Field& field, std::vector<tls::CertificateFiles>& out, Certificates& loaded) {
  constexpr std::string_view kWanted = "a list of certificates, such as - { cert: /PATH, key: /PATH }";
  if (!field.must_be(Value::Kind::list, kWanted)) return;
  if (field.value.items.empty()) return field.fail("has no certificate; a listener with TLS needs one");
  out.assign(field.value.items.size(), {});
  for (std::size_t i = 0; i < out.size(); ++i) read_certificate(field.item(i), out[i], loaded);
}

void read_folder(const Field& field, tls::ServerOptions& out, Certificates& loaded) {
  read_path_of(field, out.certificates_dir, "a folder, such as /etc/weir/certificates");
  if (out.certificates_dir.empty()) return;
  const auto all = tls::certificates_of(out);
  if (!all) return field.fail(all.error());
  for (std::size_t i = out.certificates.size(); i < all->size(); ++i) {
    auto certificate = tls::Certificate::load((*all)[i]);
    if (!certificate) return field.fail(certificate.error());
    warn_of_dates(field, **certificate);
    warn_of_staple(field, **certificate);
    loaded.push_back(std::move(*certificate));
  }
}

void read_ciphers(const Field& field, std::string& out) {
  constexpr std::string_view kWanted =
      "names of TLS 1.2 ciphers with colons between them, as openssl ciphers has them";
  if (!field.must_be(Value::Kind::scalar, kWanted)) return;
  if (const std::string why = tls::objection_to_ciphers(field.value.text); !why.empty())
    return field.refuse(kWanted);
  out = field.value.text;
}

void warn_of_lists(const Field& field, const tls::ClientTrust& trust) {
  if (trust.crl_until() && *trust.crl_until() < std::time(nullptr))
    field.report.warning(field.value.at, field.path,
                         "a list of client_crl should have been replaced by now; until it is, the "
                         "certificates of its authority are refused");
}

// Whether what there is of it is good.
bool read_client_trust(const Section& section, const Field& field, tls::ServerOptions& out,
                       std::shared_ptr<const tls::ClientTrust>& loaded) {
  section.read("client_ca", read_pem_path, out.client_trust.ca);
  section.read("client_crl", read_pem_path, out.client_trust.crl);
  if (section.has("client_ca")) out.client_auth = tls::ClientAuth::required;
  section.read("client_auth", read_word<tls::ClientAuth>, out.client_auth, std::span(kClientAuths));
  for (const std::string_view key : {"client_auth", "client_crl"})
    if (section.has(key) && !section.has("client_ca"))
      return field.fail(fmt::format("has {} without client_ca, the authorities of clients", key)), false;
  if (out.client_trust.ca.empty()) return !section.has("client_ca");
  if (section.has("client_crl") && out.client_trust.crl.empty()) return false;
  auto trust = tls::ClientTrust::load(out.client_trust);
  if (!trust) return field.fail(trust.error()), false;
  warn_of_lists(field, **trust);
  loaded = std::move(*trust);
  return true;
}

void read_ticket_keys(const Field& field, std::vector<std::string>& out,
                      std::shared_ptr<const tls::TicketFiles>& loaded) {
  constexpr std::string_view kWanted = "a file of 80 random bytes, or a list of 16 at most";
  const bool is_list = field.is(Value::Kind::list);
  const std::size_t count = is_list ? field.value.items.size() : 1;
  if (count < 1 || count > tls::TicketFiles::kMost) return field.refuse(kWanted);
  std::vector<std::string> files(count);
  for (std::size_t i = 0; i < count; ++i) read_path_of(is_list ? field.item(i) : field, files[i], kWanted);
  if (std::any_of(files.begin(), files.end(), [](const std::string& path) { return path.empty(); })) return;
  auto keys = tls::TicketFiles::load(files);
  if (!keys) return field.fail(keys.error());
  for (const std::string& path : (*keys)->exposed())
    field.report.warning(
        field.value.at, field.path,
        fmt::format("everybody on this machine may read {}; chmod 640 it, or 600", in_quotes(path)));
  loaded = std::move(*keys);
  out = std::move(files);
}

void read_sni(const Field& field, std::optional<std::string>& out) {
  constexpr std::string_view kWanted = "a host name, such as app.internal";
  if (!field.must_be(Value::Kind::scalar, kWanted)) return;
  if (!http::valid_host(field.value.text) || field.value.text.find(':') != std::string::npos)
    return field.refuse(kWanted);
  out = field.value.text;
}

}  // namespace

void read_pool_tls(const Field& field, Pool& out) {
  constexpr std::array<std::string_view, 2> kVerify = {"off", "on"};
  const Section section(field, keys::kPoolTls);
  if (!field.is(Value::Kind::map)) return;
  tls::ClientOptions options;
  options.protocol = out.protocol;
  tls::CertificateFiles shown;
  section.read("ca", read_pem_path, options.ca);
  section.read("verify", read_word<tls::Verify>, options.verify, std::span(kVerify));
  section.read("sni", read_sni, options.sni);
  section.read("cert", read_pem_path, shown.cert);
  section.read("key", read_pem_path, shown.key);
  if (section.has("key") && !section.has("cert"))
    field.fail("has a key without a cert; both or none are needed");
  if (section.has("cert") && !section.has("key")) shown.key = shown.cert;
  if (!shown.cert.empty() && !shown.key.empty()) options.certificate = shown;
  auto made = tls::ClientSettings::load(options);
  if (!made) return field.fail(made.error());
  out.settings.value = std::move(*made);
  out.tls = std::move(options);
}

void read_listener_tls(const Field& field, Listener& out, Position& redirect) {
  const Section section(field, keys::kListenerTls);
  if (!field.is(Value::Kind::map)) return;
  tls::ServerOptions options;
  options.protocol = out.protocol;
  if (out.mode == Mode::tcp) options.offer = tls::Offer::nothing;
  tls::ServerMaterial material;
  Certificates& loaded = material.certificates;
  if (section.has("certificates_dir"))
    section.read("certificates", read_certificates, options.certificates, loaded);
  else
    section.require("certificates", read_certificates, options.certificates, loaded);
  const bool complete = loaded.size() == options.certificates.size();
  section.read("certificates_dir", read_folder, options, loaded);
  section.read("min_version", read_word<tls::Version>, options.min_version, std::span(tls::kVersions));
  section.read("ciphers", read_ciphers, options.ciphers);
  if (out.mode == Mode::http) {
    section.read("redirect", [&](const Field& value) {
      redirect = value.value.at;
      read_redirect(value, out.redirect);
    });
    section.read("hsts", read_hsts, out.hsts);
  } else {
    for (const char* key : {"redirect", "hsts"})
      section.read(key, [](const Field& of_no_use) { of_no_use.fail("is for mode: http"); });
  }
  section.read("ticket_keys", read_ticket_keys, options.ticket_keys, material.ticket_keys);
  const bool trusts = read_client_trust(section, field, options, material.client_trust);
  const bool has_keys = !section.has("ticket_keys") || material.ticket_keys;
  if (complete && trusts && has_keys && !loaded.empty()) {
    auto made = tls::ServerSettings::make(options, std::move(material));
    if (!made) return field.fail(made.error());
    out.settings.value = std::move(*made);
  }
  out.tls = std::move(options);
}

}  // namespace weir::config
