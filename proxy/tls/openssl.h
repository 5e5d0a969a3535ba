// OpenSSL's objects with owners, and what it says of errors.
#pragma once

#include <openssl/bio.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace weir::tls {

struct FreeOpenssl {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_CRL* list) const { X509_CRL_free(list); }
  // The stack alone: what lies in it is somebody else's.
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
  void operator()(STACK_OF(OPENSSL_STRING) * strings) const { X509_email_free(strings); }
  void operator()(OCSP_RESPONSE* response) const { OCSP_RESPONSE_free(response); }
  void operator()(OCSP_BASICRESP* response) const { OCSP_BASICRESP_free(response); }
  void operator()(OCSP_REQUEST* request) const { OCSP_REQUEST_free(request); }
  void operator()(OCSP_CERTID* id) const { OCSP_CERTID_free(id); }
};
template <class T>
using Owned = std::unique_ptr<T, FreeOpenssl>;

// The latest error of this thread in the library's words; the thread's errors are forgotten.
std::string last_error();

// Whether that is what reading PEM ends with when there is no more of it.
bool ends_well(const std::string& error);

}  // namespace weir::tls
