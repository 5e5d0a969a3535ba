// H1Body: payload out of every framing, at every split, and each way in which chunks can be wrong.
#include "proxy/codec/h1_body.h"

#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/codec/transcript.h"

using namespace weir::codec;
using weir::base::Fault;
using Mode = H1Body::Mode;

namespace {

// The transcript of a body, then what was left behind it; a refusal ends it with its status.
std::string read(Mode mode, std::uint64_t length, std::string_view bytes, std::size_t piece,
                 Fault from = Fault::downstream) {
  H1Body body;
  body.start(mode, length, from);
  HeadLimits limits;
  weir::http::Fields trailers;
  Transcript log;
  std::string_view waiting;
  std::size_t given = 0;
  while (true) {
    const auto step = body.next(waiting, limits, trailers);
    if (!step) return log.text() + std::to_string(step.error().status);
    waiting.remove_prefix(step->used);
    using Kind = H1Body::Step::Kind;
    if (step->kind == Kind::payload) log.body(step->payload);
    if (step->kind == Kind::trailers && !trailers.empty()) log.line("trailers " + told(trailers));
    if (step->kind == Kind::end)
      return log.text() + "end, left " + std::string(waiting) + std::string(bytes.substr(given));
    if (step->kind != Kind::need_more || !waiting.empty()) continue;
    if (given == bytes.size()) return log.text() + "more";
    waiting = bytes.substr(given, piece);
    given += waiting.size();
  }
}

std::string chunked(std::string_view bytes, std::size_t piece = 1'000'000) {
  return read(Mode::chunked, 0, bytes, piece);
}

// The same whatever the pieces.
std::string chunked_anyhow(std::string_view bytes) {
  const std::string whole = chunked(bytes);
  for (std::size_t piece = 1; piece < std::min<std::size_t>(bytes.size(), 12); ++piece) {
    INFO("in pieces of " << piece);
    CHECK(chunked(bytes, piece) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("no body ends at once, and takes nothing") {
  CHECK(read(Mode::none, 0, "next", 4) == "end, left next");
  CHECK(read(Mode::counted, 0, "next", 4) == "end, left next");
}

TEST_CASE("a counted body is so many bytes") {
  for (std::size_t piece = 1; piece < 12; ++piece)
    CHECK(read(Mode::counted, 5, "hellonext", piece) == "body hello\nend, left next");
  CHECK(read(Mode::counted, 5, "hell", 4) == "body hell\nmore");
}

TEST_CASE("a body until close has no end of its own") {
  CHECK(read(Mode::until_close, 0, "hello", 2) == "body hello\nmore");
}

TEST_CASE("chunks, at every split") {
  CHECK(chunked_anyhow("5\r\nhello\r\n0\r\n\r\nnext") == "body hello\nend, left next");
  CHECK(chunked_anyhow("3;a=b\r\nhel\r\n02 ; x=\"\\\"\"\r\nlo\r\n000;end\r\n\r\n") ==
        "body hello\nend, left ");
  CHECK(chunked_anyhow("0\r\n\r\n") == "end, left ");
  CHECK(chunked_anyhow("A\r\n0123456789\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\nnext") ==
        "body 0123456789\ntrailers X-T=1|X-U=2\nend, left next");
  CHECK(chunked_anyhow("0\r\nContent-Length: 5\r\nHost: x\r\n\r\n") == "end, left ");
  CHECK(chunked_anyhow("2\r\n\r\n\r\n0\r\n\r\n") == "body \r\n\nend, left ");
}

TEST_CASE("chunks that are cut are not whole") {
  const std::string all = "5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n";
  for (std::size_t size = 0; size < all.size(); ++size)
    CHECK(chunked_anyhow(all.substr(0, size)).ends_with("more"));
}

TEST_CASE("chunks that are wrong, at every split") {
  for (std::string_view bad : {"g\r\n",
                               "\r\n5\r\n",
                               "\n",
                               " 5\r\n",
                               "5 \r\n",
                               "0x5\r\n",
                               "-1\r\n",
                               "+5\r\n",
                               "5\n",
                               "5\r\r\n",
                               "5\rx",
                               "5;\r\n",
                               "5;a=\r\n",
                               "5;a=\"\r\n",
                               "5;a\rb\r\n",
                               "5;a\nb\r\n",
                               "8000000000000000\r\n",
                               "10000000000000000\r\n",
                               "fffffffffffffffff\r\n",
                               ";a\r\n",
                               "5,\r\n"})
    CHECK(chunked_anyhow(bad) == "400");
  for (std::string_view bad :
       {"5\r\nhello0\r\n", "5\r\nhello\n", "5\r\nhello\rx", "5\r\nhello\r\r\n", "5\r\nhello!\r\n",
        "5\r\nhello\r\n\r\n", "5\r\nhello\r\nx\r\n", "5\r\nhello\r\n0\n\n", "5\r\nhello\r\n0\r\n\n",
        "5\r\nhello\r\n0\r\n\r\r\n", "5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n",
        "5\r\nhello\r\n0\r\n X-T: 1\r\n\r\n", "5\r\nhello\r\n0\r\nX-T: 1\n\r\n",
        "5\r\nhello\r\n0\r\nX-T\r\n\r\n", "5\r\nhello\r\n0\r\nX-T: a\rb\r\n\r\n"})
    CHECK(chunked_anyhow(bad) == "body hello\n400");
}

TEST_CASE("who sent it is to blame") {
  CHECK(read(Mode::chunked, 0, "g\r\n", 9, Fault::upstream) == "502");
  CHECK(read(Mode::chunked, 0, "0\r\nX-T : 1\r\n\r\n", 99, Fault::upstream) == "502");
}

TEST_CASE("trailers have the limits of a head") {
  const auto refused = [](const std::string& text) { return text == "400" || text == "431"; };
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: 1\r\n";
  CHECK(chunked("0\r\n" + many.substr(6) + "\r\n").ends_with("end, left "));
  for (std::size_t piece : {10, 1000, 1'000'000}) {
    CHECK(refused(chunked("0\r\n" + many + "\r\n", piece)));
    CHECK(refused(chunked("0\r\nX-T: " + std::string(70000, 'x') + "\r\n\r\n", piece)));
    CHECK(refused(chunked("0\r\nX-T: " + std::string(70000, 'x'), piece)));
  }
}

TEST_CASE("a chunk line has a bound, in one piece as in many") {
  const auto line = [](std::size_t size) {
    return "5;a=" + std::string(size - 6, 'x') + "\r\nhello\r\n0\r\n\r\n";
  };
  for (std::size_t piece : {7, 1000, 4000, 1'000'000}) {
    INFO("in pieces of " << piece);
    CHECK(chunked(line(4096), piece) == "body hello\nend, left ");
    CHECK(chunked(line(4097), piece) == "400");
    CHECK(chunked(line(100'000), piece) == "400");
  }
}

TEST_CASE("extensions of a whole body have a bound") {
  const std::string chunk = "1;a=" + std::string(2000, 'x') + "\r\n.\r\n";
  std::string body;
  for (int i = 0; i < 8; ++i) body += chunk;
  CHECK(chunked(body + "0\r\n\r\n") == "body ........\nend, left ");
  CHECK(chunked(body + chunk + "0\r\n\r\n") == "body ........\n400");
  CHECK(chunked(body + chunk + "0\r\n\r\n", 100) == "body ........\n400");
}

TEST_CASE("a body that was started anew knows nothing of the one before") {
  H1Body body;
  HeadLimits limits;
  weir::http::Fields trailers;
  body.start(Mode::chunked, 0, Fault::downstream);
  REQUIRE(body.next("5;a", limits, trailers));
  body.start(Mode::chunked, 0, Fault::downstream);
  CHECK(body.mode() == Mode::chunked);
  CHECK_FALSE(body.done());
  const auto step = body.next("0\r\n", limits, trailers);
  REQUIRE(step);
  CHECK(step->used == 3);
  CHECK(body.next("\r\n", limits, trailers)->kind == H1Body::Step::Kind::end);
  CHECK(body.done());
}
