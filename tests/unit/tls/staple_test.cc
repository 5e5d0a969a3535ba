// What an authority says of a certificate: what of it is believed, and how it is asked for.
#include "proxy/tls/staple.h"

#include "proxy/tls/certificate.h"
#include "tests/unit/catch.h"
#include "tests/unit/tls/authority.h"

namespace weir::tls {

namespace {

constexpr std::int64_t kNow = 2'000'000'000;
constexpr std::int64_t kHour = 3600;
const std::string kStranger = "the certificate's issuer has not signed it";

Saying good() {
  return {.from = kNow - kHour, .until = kNow + kHour};
}

std::string objection(std::string der) {
  const Owned<X509> leaf = authority_certificate("leaf"), issuer = authority_certificate("ca");
  const auto read = read_staple(std::move(der), *leaf, *issuer, kNow);
  return read ? "" : read.error();
}

std::shared_ptr<const Certificate> loaded(const std::string& name) {
  return *Certificate::load({authority_file(name + ".pem"), authority_file(name + ".key")});
}

}  // namespace

TEST_CASE("what the issuer says, or who it has ordered to, is believed") {
  CHECK(objection(said(good())).empty());
  Saying by_signer = good();
  by_signer.by = "signer";
  CHECK(objection(said(by_signer)).empty());
  Saying in_another_digest = good();
  in_another_digest.digest = EVP_sha256();
  CHECK(objection(said(in_another_digest)).empty());
  const auto read = loaded("leaf")->read_staple(said(good()), kNow);
  REQUIRE(read);
  CHECK((*read)->from == kNow - kHour);
  CHECK((*read)->until == kNow + kHour);
  CHECK((*read)->holds_at(kNow + kHour - 1));
  CHECK_FALSE((*read)->holds_at(kNow + kHour));
}

TEST_CASE("what others say, or what is of another certificate or time, is not") {
  Saying saying = good();
  saying.by = "mute";  // of the same authority, but ordered to nothing
  CHECK(objection(said(saying)) == kStranger);
  saying = good();
  saying.by = "leaf";
  CHECK(objection(said(saying)) == kStranger);
  saying = good();
  saying.of = "mute";
  CHECK(objection(said(saying)) == "it is about another certificate");
  saying = good();
  saying.status = V_OCSP_CERTSTATUS_REVOKED;
  CHECK(objection(said(saying)) == "it says that the certificate is revoked");
  saying.status = V_OCSP_CERTSTATUS_UNKNOWN;
  CHECK(objection(said(saying)) == "it says that the certificate is unknown");
  saying = good();
  saying.until = 0;
  CHECK(objection(said(saying)) == "it does not say until when it holds");
  saying.until = kNow;
  CHECK(objection(said(saying)) == "its time is over");
  saying = good();
  saying.from = kNow + kHour / 2;
  CHECK(objection(said(saying)) == "its time is yet to come");
}

TEST_CASE("bytes that are no answer, or a spoilt one, are refused") {
  const std::string whole = said(good());
  CHECK(objection("") == "it is no OCSP response in DER");
  CHECK(objection("garbage") == "it is no OCSP response in DER");
  CHECK(objection(std::string(70'000, '\x30')) == "it is no OCSP response in DER");
  CHECK(objection(std::string("\x30\x03\x0a\x01\x03", 5)) == "it says \"trylater\"");
  CHECK_FALSE(objection(std::string("\x30\x03\x0a\x01\x00", 5)).empty());  // successful, and nothing
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(objection(whole.substr(0, size)).empty());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string spoilt = whole;
    spoilt[at] = static_cast<char>(spoilt[at] ^ 0x10);
    INFO(at);
    CHECK_FALSE(objection(spoilt).empty());
  }
}

TEST_CASE("whom to ask stands in the certificate, and the issuer in its chain") {
  const auto question = loaded("leaf")->staple_question();
  REQUIRE(question);
  CHECK(question->host == "ocsp.test");  // the first is of no use: nobody would know how far to go
  CHECK(question->port == 8080);
  CHECK(question->authority == "ocsp.test:8080");
  CHECK(question->target == "/status?x=1");
  CHECK(question->body.size() > 60);
  CHECK(loaded("mute")->staple_question().error() == "it names nobody to ask over HTTP");
  const auto alone =
      Certificate::load({WEIR_SOURCE_DIR "/tests/tls/c.pem", WEIR_SOURCE_DIR "/tests/tls/c.key"});
  REQUIRE(alone);
  CHECK_FALSE((*alone)->read_staple(said(good()), kNow));
}

}  // namespace weir::tls
