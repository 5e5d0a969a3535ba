// Files that a TLS listener is made from: certificates with their keys, authorities and what they have
// revoked, and what is stapled.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/tls/server_settings.h"
#include "tests/fuzz/target.h"

namespace weir::fuzz {
namespace {

// Bytes under a path, in memory.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("weir-fuzz", MFD_CLOEXEC)) {
    WEIR_CHECK(fd_ >= 0);
    WEIR_CHECK(::write(fd_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

void must_be_told(const std::string& error) {
  must(!error.empty() && error.find('\n') == error.npos, "an error that is no line");
}

void as_certificate(std::string_view bytes, std::string_view stapled) {
  const MemoryFile pem(bytes), ocsp(stapled);
  tls::CertificateFiles files{.cert = pem.path(), .key = pem.path()};
  if (!stapled.empty()) files.stapling = tls::Stapling::file, files.ocsp = ocsp.path();
  const auto loaded = tls::Certificate::load(files);
  if (!loaded) return must_be_told(loaded.error());
  const tls::Certificate& certificate = **loaded;
  must(certificate.fingerprint().size() == 64, "a fingerprint of another size");
  for (const std::string& name : certificate.names())
    must(name.starts_with('*') || certificate.covers(name), "a name that its certificate does not cover");
  (void)certificate.staple_question();
  tls::ServerOptions options;
  options.certificates = {files};
  tls::ServerMaterial material;
  material.certificates = {*loaded};
  const auto settings = tls::ServerSettings::make(options, std::move(material));
  if (!settings) return must_be_told(settings.error());
  for (const std::string& name : certificate.names()) (void)(*settings)->for_host(name);
}

void as_trust(std::string_view authorities, std::string_view revoked) {
  const MemoryFile ca(authorities), crl(revoked);
  const auto trust =
      tls::ClientTrust::load({.ca = ca.path(), .crl = revoked.empty() ? std::string() : crl.path()});
  if (!trust) return must_be_told(trust.error());
  must(!(*trust)->digest().empty(), "authorities that look like none");
}

// Two files are parted by a NUL.
void certificate(std::string_view bytes) {
  const unsigned how = take_byte(bytes);
  const std::string_view first = bytes.substr(0, bytes.find('\0'));
  const std::string_view second = first.size() < bytes.size() ? bytes.substr(first.size() + 1) : "";
  if (how % 2 == 0)
    as_certificate(first, second);
  else
    as_trust(first, second);
}

const Target kCertificate("certificate", certificate);

}  // namespace
}  // namespace weir::fuzz
