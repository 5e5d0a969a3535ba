// The authority of tests/tls/ocsp, which says of certificates whatever a test has it say.
#pragma once

#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include <cstdint>
#include <string>

#include "proxy/tls/openssl.h"

namespace weir::tls {

struct Saying {
  std::string of = "leaf";  // the certificate
  std::string by = "ca";    // who signs
  int status = V_OCSP_CERTSTATUS_GOOD;
  std::int64_t from = 0;   // seconds since 1970
  std::int64_t until = 0;  // 0: it does not say
  const EVP_MD* digest = EVP_sha1();
};

inline std::string authority_file(const std::string& name) {
  return WEIR_SOURCE_DIR "/tests/tls/ocsp/" + name;
}

inline Owned<X509> authority_certificate(const std::string& name) {
  const Owned<BIO> file(BIO_new_file(authority_file(name + ".pem").c_str(), "r"));
  return Owned<X509>(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
}

// In DER.
inline std::string said(const Saying& saying) {
  const Owned<X509> issuer = authority_certificate("ca"), leaf = authority_certificate(saying.of),
                    signer = authority_certificate(saying.by);
  const Owned<BIO> file(BIO_new_file(authority_file(saying.by + ".key").c_str(), "r"));
  const Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(file.get(), nullptr, nullptr, nullptr));
  const Owned<OCSP_BASICRESP> basic(OCSP_BASICRESP_new());
  const Owned<OCSP_CERTID> id(OCSP_cert_to_id(saying.digest, leaf.get(), issuer.get()));
  ASN1_TIME* from = ASN1_TIME_set(nullptr, saying.from);
  ASN1_TIME* until = saying.until != 0 ? ASN1_TIME_set(nullptr, saying.until) : nullptr;
  ASN1_TIME* revoked = saying.status == V_OCSP_CERTSTATUS_REVOKED ? from : nullptr;
  OCSP_basic_add1_status(basic.get(), id.get(), saying.status, 0, revoked, from, until);
  ASN1_TIME_free(from);
  ASN1_TIME_free(until);
  OCSP_basic_sign(basic.get(), signer.get(), key.get(), EVP_sha256(), nullptr,
                  saying.by == "ca" ? OCSP_NOCERTS : 0);  // who signs is known already, or comes with it
  const Owned<OCSP_RESPONSE> response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &der);
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

}  // namespace weir::tls
