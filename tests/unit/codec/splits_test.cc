// The same bytes in other pieces are the same events and the same answers: whole conversations, split in two
// at every position and dealt out in pieces of every small size.
#include "tests/unit/catch.h"
#include "tests/unit/codec/client_rig.h"
#include "tests/unit/codec/server_rig.h"

using namespace weir::codec;

namespace {

const std::string kWholeGet = "GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\n\r\n";
const std::string kWholePost = "POST /b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
const std::string kChunks =
    "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: "
    "chunked\r\n\r\n3;x=\"y\"\r\nhel\r\n2\r\nlo\r\n0\r\n";

std::string served(std::string_view first, std::string_view second, std::size_t piece = 1'000'000) {
  ServerRig rig(ServerRig::Answers::at_end);
  rig.read_in_pieces(first, piece);
  rig.read_in_pieces(second, piece);
  rig.read_end();
  return rig.log.text() + rig.wire + (rig.codec.next() == Next::linger ? "linger" : "other");
}

void served_alike(const std::string& bytes) {
  const std::string whole = served(bytes, "");
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    INFO("split at " << at);
    REQUIRE(served(bytes.substr(0, at), bytes.substr(at)) == whole);
  }
  for (std::size_t piece = 1; piece < 20; ++piece) {
    INFO("in pieces of " << piece);
    REQUIRE(served(bytes, "", piece) == whole);
  }
}

std::string received(std::string_view first, std::string_view second, std::size_t piece = 1'000'000) {
  ClientRig rig;
  rig.ask("GET", "/");
  rig.read_in_pieces(first, piece);
  rig.read_in_pieces(second, piece);
  rig.read_end();
  return rig.log.text();
}

void received_alike(const std::string& bytes) {
  const std::string whole = received(bytes, "");
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    INFO("split at " << at);
    REQUIRE(received(bytes.substr(0, at), bytes.substr(at)) == whole);
  }
  for (std::size_t piece = 1; piece < 20; ++piece) {
    INFO("in pieces of " << piece);
    REQUIRE(received(bytes, "", piece) == whole);
  }
}

}  // namespace

TEST_CASE("requests are the same in any pieces") {
  served_alike(kWholeGet + kWholePost + kWholeGet);
  served_alike(kChunks + "X-T: 1\r\n\r\n" + kWholeGet);
  served_alike("\r\n" + kWholeGet + "\r\n\r\n" + kWholePost);
  served_alike(kWholePost + "GET /close HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n" + kWholeGet);
  served_alike("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + kWholeGet);
}

TEST_CASE("chunks without trailers are the same in any pieces") {
  served_alike(kChunks + "\r\n" + kWholeGet);
}

TEST_CASE("refusals are the same in any pieces") {
  for (const std::string bad :
       {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n", "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/9.1\r\n\r\n", "\x16\x03\x01\r\n", "GET /\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"})
    served_alike(kWholeGet + bad + kWholeGet);
  for (const std::string bad :
       {"g\r\n", "1\r\nab\r\n", "1\r\na\n", "1\n", "0\r\nX : 1\r\n\r\n", "ffffffffffffffffff\r\n"})
    served_alike("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n" + bad + kWholeGet);
}

TEST_CASE("what begins with no token character is refused alike in any pieces") {
  served_alike("(GET / HTTP/2.0\r\n\r\n");
  served_alike("(" + std::string(9000, 'x'));
}

TEST_CASE("responses are the same in any pieces") {
  received_alike("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello");
  received_alike(
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n");
  received_alike("HTTP/1.0 200 OK\r\n\r\nhello until the end");
  received_alike("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello");
  received_alike("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n");
  received_alike("HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n");
}
