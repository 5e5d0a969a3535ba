// Expected statuses, and the wanted text over every way to cut a body into pieces.
#include "health/probe.h"

#include <random>

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

bool found(const std::string& text, const std::vector<std::string>& pieces) {
  const Probe probe({}, text);
  Judgement judgement(probe);
  for (const std::string& piece : pieces) judgement.see(piece);
  return judgement.has_text();
}

}  // namespace

TEST_CASE("a status is expected if one of the ranges holds it") {
  const Probe probe({{200, 299}, {404, 404}}, "");
  for (const int status : {200, 204, 299, 404}) CHECK(probe.expects(status));
  for (const int status : {0, 199, 300, 403, 405, 500}) CHECK_FALSE(probe.expects(status));
}

TEST_CASE("no text is wanted: any body will do, none too") {
  CHECK(found("", {}));
  CHECK(found("", {"anything"}));
}

TEST_CASE("a text is found wherever it stands") {
  CHECK(found("ok", {"ok"}));
  CHECK(found("ok", {"all is ok here"}));
  CHECK(found("ok", {"o", "k"}));
  CHECK(found("ok", {"oo", "", "ko"}));
  CHECK(found("aab", {"aaab"}));
  CHECK(found("abab", {"aba", "cabab"}));
  CHECK(found("abcabd", {"abcabcabd"}));
}

TEST_CASE("a text that is not there is not found") {
  CHECK_FALSE(found("ok", {}));
  CHECK_FALSE(found("ok", {"o", "o", "ak"}));
  CHECK_FALSE(found("abab", {"aba", "aba"}));
  CHECK_FALSE(found("OK", {"ok"}));
}

TEST_CASE("a text is found exactly where a search of the whole body finds it, however the body is cut") {
  std::mt19937 random(1);
  const auto draw = [&](std::size_t most) {
    std::string text;
    for (std::size_t left = random() % (most + 1); left > 0; --left) text += random() % 3 == 0 ? 'b' : 'a';
    return text;
  };
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = draw(6), body = draw(30);
    const Probe probe({}, text);
    Judgement judgement(probe);
    for (std::size_t at = 0; at < body.size();) {
      const std::size_t size = 1 + random() % 5;
      judgement.see(std::string_view(body).substr(at, size));
      at += size;
    }
    CAPTURE(text, body);
    CHECK(judgement.has_text() == (body.find(text) != body.npos));
  }
}

}  // namespace weir::health
