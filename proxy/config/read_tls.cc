#include "proxy/config/read_tls.h"

#include <fmt/format.h>

#include <array>
#include <ctime>

#include "proxy/config/scalar.h"
#include "proxy/http/uri.h"

namespace weir::config {

namespace {

void read_path(const Field& field, std::string& out) {
  constexpr std::string_view kWanted = "a PEM file, by its whole path, such as /etc/weir/example.com.pem";
  if (!field.must_be(Value::Kind::scalar, kWanted)) return;
  if (!field.value.text.starts_with('/')) return field.refuse(kWanted);
  out = field.value.text;
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

void read_certificate(const Field& field, tls::CertificateFiles& out,
                      tls::ServerSettings::Certificates& loaded) {
  const Section section(field, keys::kCertificate);
  section.require("cert", read_path, out.cert);
  section.read("key", read_path, out.key);
  if (out.key.empty() && !section.has("key")) out.key = out.cert;
  if (out.cert.empty() || out.key.empty()) return;
  auto certificate = tls::Certificate::load(out);
  if (!certificate) return field.fail(certificate.error());
  warn_of_dates(field, **certificate);
  loaded.push_back(std::move(*certificate));
}

void read_certificates(const Field& field, std::vector<tls::CertificateFiles>& out,
                       tls::ServerSettings::Certificates& loaded) {
  constexpr std::string_view kWanted = "a list of certificates, such as - { cert: /PATH, key: /PATH }";
  if (!field.must_be(Value::Kind::list, kWanted)) return;
  if (field.value.items.empty()) return field.fail("has no certificate; a listener with TLS needs one");
  out.assign(field.value.items.size(), {});
  for (std::size_t i = 0; i < out.size(); ++i) read_certificate(field.item(i), out[i], loaded);
}

void read_folder(const Field& field, tls::ServerOptions& out, tls::ServerSettings::Certificates& loaded) {
  constexpr std::string_view kWanted = "a folder, by its whole path, such as /etc/weir/certificates";
  if (!field.must_be(Value::Kind::scalar, kWanted)) return;
  if (!field.value.text.starts_with('/')) return field.refuse(kWanted);
  out.certificates_dir = field.value.text;
  const auto all = tls::certificates_of(out);
  if (!all) return field.fail(all.error());
  for (std::size_t i = out.certificates.size(); i < all->size(); ++i) {
    auto certificate = tls::Certificate::load((*all)[i]);
    if (!certificate) return field.fail(certificate.error());
    warn_of_dates(field, **certificate);
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

tls::Protocols protocols_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::h1:
      return tls::Protocols::h1;
    case Protocol::h2:
      return tls::Protocols::h2;
    case Protocol::any:
      break;
  }
  return tls::Protocols::both;
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
  tls::CertificateFiles shown;
  section.read("ca", read_path, options.ca);
  section.read("verify", read_word<tls::Verify>, options.verify, std::span(kVerify));
  section.read("sni", read_sni, options.sni);
  section.read("cert", read_path, shown.cert);
  section.read("key", read_path, shown.key);
  if (section.has("key") && !section.has("cert"))
    field.fail("has a key without a cert; both or none are needed");
  if (section.has("cert") && !section.has("key")) shown.key = shown.cert;
  if (!shown.cert.empty() && !shown.key.empty()) options.certificate = shown;
  auto made = tls::ClientSettings::load(options);
  if (!made) return field.fail(made.error());
  out.settings.value = std::move(*made);
  out.tls = std::move(options);
}

void read_listener_tls(const Field& field, Listener& out) {
  const Section section(field, keys::kListenerTls);
  if (!field.is(Value::Kind::map)) return;
  tls::ServerOptions options;
  options.protocols = protocols_of(out.protocol);
  tls::ServerSettings::Certificates loaded;
  if (section.has("certificates_dir"))
    section.read("certificates", read_certificates, options.certificates, loaded);
  else
    section.require("certificates", read_certificates, options.certificates, loaded);
  const bool complete = loaded.size() == options.certificates.size();
  section.read("certificates_dir", read_folder, options, loaded);
  section.read("min_version", read_word<tls::Version>, options.min_version, std::span(tls::kVersions));
  section.read("ciphers", read_ciphers, options.ciphers);
  if (complete && !loaded.empty()) {
    auto made = tls::ServerSettings::make(options, std::move(loaded));
    if (!made) return field.fail(made.error());
    out.settings.value = std::move(*made);
  }
  out.tls = std::move(options);
}

}  // namespace weir::config
