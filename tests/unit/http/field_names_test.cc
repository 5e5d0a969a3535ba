// Names that carry no id: which of them are meant for the far end, and which speak of the client.
#include "proxy/http/field_names.h"

#include <string>

#include "proxy/http/fields.h"
#include "tests/unit/catch.h"

using namespace weir::http;

TEST_CASE("registered fields are meant for the far end") {
  for (std::string_view name : {"A-IM",
                                "Accept-Charset",
                                "Access-Control-Allow-Origin",
                                "Allow",
                                "Content-Disposition",
                                "Content-Language",
                                "Content-Location",
                                "Content-Range",
                                "Content-Security-Policy",
                                "Cross-Origin-Embedder-Policy-Report-Only",
                                "From",
                                "If",
                                "If-Match",
                                "if-range",
                                "IF-UNMODIFIED-SINCE",
                                "Link",
                                "Max-Forwards",
                                "Sec-WebSocket-Key",
                                "Strict-Transport-Security",
                                "WWW-Authenticate",
                                "X-Frame-Options"}) {
    INFO(name);
    CHECK(field_id(name) == FieldId::other);
    CHECK(is_end_to_end(name));
    CHECK_FALSE(is_end_to_end(std::string(name) + "x"));
  }
  for (std::string_view name : {"", "X-Own", "I", "If-", "Close", "Meter", "Proxy-Authentication-Info"})
    CHECK_FALSE(is_end_to_end(name));
  CHECK_FALSE(is_end_to_end(std::string(5000, 'a')));
}

TEST_CASE("names that vouch for a client, however they are spelled") {
  for (std::string_view name : {"X-Forwarded-Port", "x-forwarded-server", "X-FORWARDED-PREFIX",
                                "X-Forwarded-Ssl", "X-Forwarded-", "X_Forwarded_For", "X-Forwarded_For",
                                "X.Real!IP", "x_forwarded-proto", "X-Real-IP", "x_real_ip", "X_Request_ID"})
    CHECK(vouches_for_client(name));
  for (std::string_view name :
       {"", "X", "X-Forwarded", "X-Forwarder-For", "X-Real-IPs", "X-Real", "Y-Forwarded-For", "XaRealbIP"})
    CHECK_FALSE(vouches_for_client(name));
}

TEST_CASE("names that tell of a client's certificate, however they are spelled") {
  for (std::string_view name : {"X-Client-Cert-Subject", "x-client-cert-fingerprint", "X_Client_Cert_Subject",
                                "X-CLIENT.CERT-FINGERPRINT", "x!client~cert*subject"}) {
    CHECK(tells_certificate(name));
    CHECK(vouches_for_client(name));
  }
  for (std::string_view name : {"", "X-Client-Cert", "X-Client-Cert-Subjects", "X-Client-Cert-Subjec",
                                "XaClientbCertcSubject", "Client-Cert", "X-Forwarded-For"})
    CHECK_FALSE(tells_certificate(name));
}
