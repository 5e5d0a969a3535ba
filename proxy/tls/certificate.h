// A certificate with the chain behind it and its private key, as PEM files hold them. Immutable once loaded;
// any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/tls/staple.h"

struct ssl_ctx_st;
struct x509_st;

namespace weir::tls {

// Where what the authority says of a certificate comes from (staple.h). fetch: it is asked.
enum class Stapling : std::uint8_t { none, file, fetch };

// Where a certificate lies.
struct CertificateFiles {
  std::string cert;  // PEM: the certificate, then what leads from it to the authority
  std::string key;   // PEM, without a password; may be the same file
  Stapling stapling = Stapling::none;
  std::string ocsp{};  // DER, of Stapling::file
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

// The certificates of a folder, by name: each file that ends in .pem or .crt, with the key of the same name
// that ends in .key, or else in itself, and what is stapled to it in one that ends in .ocsp, if there is one.
// Names that begin with a dot are passed over. The error: it cannot be read.
base::Result<std::vector<CertificateFiles>, std::string> certificates_in(const std::string& folder);

// Changes whenever one of the files does: where it lies, when it was written, its size. Asks the file system.
std::string stamp_of(const CertificateFiles& files);

// SHA-256 of the certificate, in hex.
std::string fingerprint_of(const x509_st& certificate);

class Certificate {
 public:
  enum class Kind : std::uint8_t { rsa, ecdsa, other };

  // The error says which file is no good, and why. Reads files.
  static base::Result<std::shared_ptr<const Certificate>, std::string> load(const CertificateFiles& files);

  // The host names that it is for, lower case, "*.example.com" among them: those of subjectAltName, or else
  // the common name.
  const std::vector<std::string>& names() const { return names_; }
  bool covers(std::string_view host) const;  // in lower case; a wildcard stands for one label
  Kind kind() const { return kind_; }
  const CertificateFiles& files() const { return files_; }
  // What its file says of it now, or its authority has said when it was asked; nullptr: nothing that holds.
  StaplePtr staple(std::int64_t now) const;
  // Why its file is not stapled; "": it is, or there is none.
  const std::string& staple_complaint() const { return staple_complaint_; }
  // Of the authority, which has to stand in the chain: what it says, and how to ask it.
  base::Result<StaplePtr, std::string> read_staple(std::string der, std::int64_t now) const;
  base::Result<StapleQuestion, std::string> staple_question() const;
  std::int64_t not_before() const { return not_before_; }  // seconds since 1970
  std::int64_t not_after() const { return not_after_; }
  const std::string& stamp() const { return stamp_; }              // of its files, before they were read
  const std::string& fingerprint() const { return fingerprint_; }  // SHA-256, in hex

  // The context serves with it from now on, beside one of another kind that it has. Empty, or why not.
  std::string add_to(ssl_ctx_st& context) const;
  bool is(const x509_st& certificate) const;

 private:
  struct Parts;

  Certificate() = default;
  const x509_st* issuer() const;
  void load_staple();

  CertificateFiles files_;
  std::shared_ptr<const Parts> parts_;
  std::vector<std::string> names_;
  Kind kind_ = Kind::other;
  std::int64_t not_before_ = 0;
  std::int64_t not_after_ = 0;
  StaplePtr staple_;  // of its file
  std::string staple_complaint_;
  std::string fingerprint_;
  std::string stamp_;
};

}  // namespace weir::tls
