// A certificate with the chain behind it and its private key, as PEM files hold them. Immutable once loaded;
// any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"

struct ssl_ctx_st;

namespace weir::tls {

// Where a certificate lies.
struct CertificateFiles {
  std::string cert;  // PEM: the certificate, then what leads from it to the authority
  std::string key;   // PEM, without a password; may be the same file
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

// The certificates of a folder, by name: each file that ends in .pem or .crt, with the key of the same name
// that ends in .key, or else in itself. Names that begin with a dot are passed over. The error: it cannot be
// read.
base::Result<std::vector<CertificateFiles>, std::string> certificates_in(const std::string& folder);

// Empty, or why it cannot be read as a file is, its path first.
std::string objection_to_file(const std::string& path);

// Changes whenever one of the files does: where it lies, when it was written, its size. Asks the file system.
std::string stamp_of(const CertificateFiles& files);

class Certificate {
 public:
  enum class Kind : std::uint8_t { rsa, ecdsa, other };

  // The error says which file is no good, and why. Reads files.
  static base::Result<std::shared_ptr<const Certificate>, std::string> load(const CertificateFiles& files);

  // The host names that it is for, lower case, "*.example.com" among them: those of subjectAltName, or else
  // the common name.
  const std::vector<std::string>& names() const { return names_; }
  Kind kind() const { return kind_; }
  std::int64_t not_before() const { return not_before_; }  // seconds since 1970
  std::int64_t not_after() const { return not_after_; }
  const std::string& stamp() const { return stamp_; }              // of its files, before they were read
  const std::string& fingerprint() const { return fingerprint_; }  // SHA-256, in hex

  // The context serves with it from now on, beside one of another kind that it has. Empty, or why not.
  std::string add_to(ssl_ctx_st& context) const;

 private:
  struct Parts;

  Certificate() = default;

  std::shared_ptr<const Parts> parts_;
  std::vector<std::string> names_;
  Kind kind_ = Kind::other;
  std::int64_t not_before_ = 0;
  std::int64_t not_after_ = 0;
  std::string fingerprint_;
  std::string stamp_;
};

}  // namespace weir::tls
