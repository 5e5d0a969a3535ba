#include "proxy/tls/client_certificate.h"

#include <algorithm>
#include <string>

#include "proxy/tls/certificate.h"
#include "proxy/tls/openssl.h"

namespace weir::tls {

namespace {

constexpr std::size_t kLongestSubject = 1024;

// RFC 2253's form, which RFC 4514's readers read, with \XX for all that is not printable ASCII.
std::string subject_of(const X509* certificate) {
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  if (!out || X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) < 0)
    return last_error(), std::string();
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(std::max(0L, BIO_get_mem_data(out.get(), &text)));
  const bool fits =
      size <= kLongestSubject && std::all_of(text, text + size, [](char c) { return c >= ' ' && c <= '~'; });
  return fits ? std::string(text, size) : std::string();
}

}  // namespace

std::optional<io::Identity> identity_of(const ssl_st& connection) {
  const X509* shown = SSL_get0_peer_certificate(&connection);
  if (shown == nullptr || SSL_get_verify_result(&connection) != X509_V_OK) return std::nullopt;
  return io::Identity{subject_of(shown), fingerprint_of(*shown)};
}

Failure failure_of_certificate(long verdict) {
  switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Failure::client_certificate_expired;
    case X509_V_ERR_CERT_REVOKED:
      return Failure::client_certificate_revoked;
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
      return Failure::client_crl;
    default:
      return Failure::client_certificate_bad;
  }
}

}  // namespace weir::tls
