// H2Body: bytes in their order, whatever is framed when, and no longer lent than the turn.
#include <string>

#include "proxy/codec/h2_body.h"
#include "tests/unit/catch.h"

using weir::codec::H2Body;
using weir::codec::Output;

namespace {

std::string joined(Output& out) {
  // Whatever was freed too early is used for something else.
  const std::string other(5000, '#'), another(2500, '#');
  std::string text;
  for (std::string_view piece : out.gather()) text += piece;
  return text;
}

}  // namespace

TEST_CASE("a body is framed in its order, lent or kept") {
  H2Body body;
  Output out;
  std::string first(5000, 'a'), second(5000, 'b');
  body.lend(first);
  body.lend("");
  body.lend(second);
  CHECK(body.size() == 10'000);
  body.frame(2500, out);
  body.frame(5000, out);
  CHECK(joined(out) == first + second.substr(0, 2500));
  body.keep(&out);
  const std::string whole = second;
  second.assign(5000, '!');
  out.clear();
  body.frame(2500, out);
  CHECK(joined(out) == whole.substr(2500));
  CHECK(body.empty());
}

TEST_CASE("what was kept and framed lives until its output is written") {
  H2Body body;
  Output out;
  const std::string bytes(5000, 'a');
  body.lend(bytes);
  body.keep(nullptr);
  SECTION("all of it") {
    body.frame(5000, out);
    CHECK(joined(out) == std::string(5000, 'a'));
  }
  SECTION("a part, and more came") {
    body.frame(2500, out);
    const std::string more(5000, 'b');
    body.lend(more);
    body.keep(&out);
    CHECK(joined(out) == std::string(2500, 'a'));
    CHECK(body.size() == 7500);
    out.clear();
    body.frame(7500, out);
    CHECK(joined(out) == std::string(2500, 'a') + more);
  }
  SECTION("a part, and the rest is dropped") {
    body.frame(2500, out);
    body.drop(&out);
    CHECK(body.empty());
    CHECK(joined(out) == std::string(2500, 'a'));
  }
}

TEST_CASE("what is kept grows") {
  H2Body body;
  std::string whole;
  for (int i = 0; i < 100; ++i) {
    const std::string piece(static_cast<std::size_t>(i * 10), static_cast<char>('a' + i % 26));
    body.lend(piece);
    body.keep(nullptr);
    whole += piece;
  }
  Output out;
  body.frame(whole.size(), out);
  CHECK(joined(out) == whole);
}
