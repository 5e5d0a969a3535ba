#include "proxy/tls/staple.h"

#include <fmt/format.h>
#include <openssl/http.h>
#include <openssl/ocsp.h>

#include <tuple>
#include <utility>

#include "proxy/tls/openssl.h"
#include "proxy/tls/pem_file.h"

namespace weir::tls {

namespace {

constexpr long kSkew = 300;  // seconds by which clocks may differ

// The library takes what it only reads as if it wrote it.
X509* as_written(const x509_st& certificate) {
  return const_cast<X509*>(&certificate);
}

// Authorities answer in the digest that they are asked in; SHA-1 is what all of them know, and names nothing
// that had to be kept from anybody.
Owned<OCSP_CERTID> id_of(const EVP_MD* digest, const x509_st& leaf, const x509_st& issuer) {
  return Owned<OCSP_CERTID>(OCSP_cert_to_id(digest, &leaf, &issuer));
}

bool is_signed_by(OCSP_BASICRESP* basic, const x509_st& issuer) {
  const Owned<X509_STORE> believed(X509_STORE_new());
  const Owned<STACK_OF(X509)> known(sk_X509_new_null());
  if (!believed || !known || X509_STORE_add_cert(believed.get(), as_written(issuer)) != 1) return false;
  if (sk_X509_push(known.get(), as_written(issuer)) < 1) return false;
  X509_STORE_set_flags(believed.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return OCSP_basic_verify(basic, known.get(), believed.get(), 0) == 1;
}

// What it says of one certificate.
struct Word {
  int status = -1;
  ASN1_GENERALIZEDTIME* from = nullptr;
  ASN1_GENERALIZEDTIME* until = nullptr;
};

Word word_on(OCSP_BASICRESP* basic, const x509_st& leaf, const x509_st& issuer) {
  Word word;
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) {
    const Owned<OCSP_CERTID> id = id_of(digest, leaf, issuer);
    int reason = 0;
    ASN1_GENERALIZEDTIME* revoked = nullptr;
    if (id &&
        OCSP_resp_find_status(basic, id.get(), &word.status, &reason, &revoked, &word.from, &word.until) == 1)
      return word;
  }
  return {};
}

std::string objection_to(const Word& word, std::int64_t now) {
  if (word.status == -1) return "it is about another certificate";
  if (word.status != V_OCSP_CERTSTATUS_GOOD)
    return fmt::format("it says that the certificate is {}", OCSP_cert_status_str(word.status));
  if (word.until == nullptr) return "it does not say until when it holds";
  if (seconds_of(word.from) > now + kSkew) return "its time is yet to come";
  return seconds_of(word.until) <= now ? "its time is over" : "";
}

std::string objection_to(const std::string& der, OCSP_RESPONSE* response) {
  if (response == nullptr || der.empty()) return "it is no OCSP response in DER";
  const int status = OCSP_response_status(response);
  if (status == OCSP_RESPONSE_STATUS_SUCCESSFUL) return {};
  return fmt::format("it says \"{}\"", OCSP_response_status_str(status));
}

bool split(const char* url, StapleQuestion& question) {
  int is_tls = 0, port = 0;
  char *host = nullptr, *path = nullptr, *query = nullptr;
  if (OSSL_HTTP_parse_url(url, &is_tls, nullptr, &host, nullptr, &port, &path, &query, nullptr) != 1)
    return last_error(), false;
  question.host = host;
  question.port = static_cast<std::uint16_t>(port);
  question.target = path;
  if (query != nullptr && *query != '\0') question.target += std::string("?") + query;
  for (char* each : {host, path, query}) OPENSSL_free(each);
  const bool is_v6 = question.host.find(':') != std::string::npos;
  question.authority = is_v6 ? "[" + question.host + "]" : question.host;
  if (port != 80) question.authority += fmt::format(":{}", port);
  return is_tls == 0 && port > 0 && !question.host.empty();
}

// Printable ASCII without spaces: it becomes a line of HTTP.
bool is_fit(const StapleQuestion& question) {
  for (const std::string* each : {&question.authority, &question.target})
    for (const char c : *each)
      if (c <= ' ' || c > '~') return false;
  return question.target.starts_with('/');
}

}  // namespace

base::Result<StaplePtr, std::string> read_staple(std::string der, const x509_st& leaf, const x509_st& issuer,
                                                 std::int64_t now) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const Owned<OCSP_RESPONSE> response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(der.size())));
  if (std::string why = objection_to(der, response.get()); !why.empty())
    return last_error(), base::unexpected(std::move(why));
  const Owned<OCSP_BASICRESP> basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return last_error(), base::unexpected(std::string("it is of a kind that is not known"));
  if (!is_signed_by(basic.get(), issuer))
    return last_error(), base::unexpected(std::string("the certificate's issuer has not signed it"));
  const Word word = word_on(basic.get(), leaf, issuer);
  if (std::string why = objection_to(word, now); !why.empty()) return base::unexpected(std::move(why));
  auto staple = std::make_shared<Staple>();
  staple->from = seconds_of(word.from);
  staple->until = seconds_of(word.until);
  staple->der = std::move(der);
  return staple;
}

base::Result<StapleQuestion, std::string> question_for(const x509_st& leaf, const x509_st& issuer) {
  const Owned<STACK_OF(OPENSSL_STRING)> urls(X509_get1_ocsp(as_written(leaf)));
  StapleQuestion question;
  bool found = false;
  for (int i = 0; i < sk_OPENSSL_STRING_num(urls.get()) && !found; ++i)
    found = split(sk_OPENSSL_STRING_value(urls.get(), i), question) && is_fit(question);
  if (!found) return base::unexpected(std::string("it names nobody to ask over HTTP"));
  const Owned<OCSP_REQUEST> request(OCSP_REQUEST_new());
  Owned<OCSP_CERTID> id = id_of(EVP_sha1(), leaf, issuer);
  if (!request || !id || OCSP_request_add0_id(request.get(), id.get()) == nullptr)
    return base::unexpected(last_error());
  std::ignore = id.release();
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_REQUEST(request.get(), &der);
  if (size <= 0) return base::unexpected(last_error());
  question.body.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return question;
}

}  // namespace weir::tls
