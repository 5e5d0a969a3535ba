// H1Server: requests in, answers out, one after the other; refusals; what keeps a connection and what ends
// it.
#include "tests/unit/catch.h"
#include "tests/unit/codec/server_rig.h"

using namespace weir::codec;
using weir::http::Response;
using Answers = ServerRig::Answers;

namespace {

constexpr std::string_view kHead = "HEAD /a HTTP/1.1\r\nHost: a.test\r\n\r\n";
constexpr std::string_view kChunked =
    "POST /a HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view kOkAndKeep = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr std::string_view kOkClose = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

std::string times(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

Response with(int status, weir::http::BodyLength length = {}) {
  Response head;
  head.status = status;
  head.length = length;
  return head;
}

constexpr weir::http::BodyLength counted(std::uint64_t n) {
  return {weir::http::BodyLength::Kind::bytes, n};
}

}  // namespace

TEST_CASE("a request comes as head and end, and its answer keeps the connection") {
  ServerRig rig;
  CHECK(rig.idle());
  rig.read(kGet);
  CHECK(rig.log.text() == "GET /a at a.test 1.1 length=none []\nend\n");
  CHECK(rig.codec.in_stream());
  rig.answer(200, "ok");
  CHECK(rig.wire == kOkAndKeep);
  CHECK(rig.codec.next() == Next::keep);
  CHECK(rig.idle());
}

TEST_CASE("counted and chunked bodies arrive, with trailers") {
  ServerRig rig(Answers::at_end);
  rig.read(std::string(kPost) + "hello");
  rig.read(std::string(kChunked) + "3\r\nhel\r\n2;x=\"y\"\r\nlo\r\n0\r\nX-T: 1\r\n\r\n");
  CHECK(rig.log.text() ==
        "POST /a at a.test 1.1 length=5 []\nbody hello\nend\n"
        "POST /a at a.test 1.1 length=unknown []\nbody hello\ntrailers X-T=1\nend\n");
  CHECK(rig.wire == times(kOkAndKeep, 2));
}

TEST_CASE("pipelined requests wait for their turn and are answered in order") {
  ServerRig rig;
  rig.read(std::string(kGet) +
           "GET /b HTTP/1.1\r\nHost: a.test\r\n\r\nGET /c HTTP/1.1\r\nHost: a.test\r\n\r\nGET /d");
  CHECK(rig.log.text() == "GET /a at a.test 1.1 length=none []\nend\n");
  rig.log.clear();
  rig.answer(200, "1");
  CHECK(rig.log.text() == "GET /b at a.test 1.1 length=none []\nend\n");
  rig.log.clear();
  rig.answer(200, "2");
  CHECK(rig.log.text() == "GET /c at a.test 1.1 length=none []\nend\n");
  rig.log.clear();
  rig.answer(200, "3");
  CHECK(rig.log.text().empty());
  CHECK(rig.codec.in_head());
  rig.read(" HTTP/1.1\r\nHost: a.test\r\n\r\n");
  CHECK(rig.log.has("GET /d"));
}

TEST_CASE("a hundred pipelined requests whose handler answers at once") {
  for (Answers answers : {Answers::at_end, Answers::at_head}) {
    ServerRig rig(answers);
    rig.read(times(kGet, 100));
    CHECK(rig.statuses.size() == 100);
    CHECK(rig.wire == times(kOkAndKeep, 100));
    CHECK(rig.idle());
  }
}

TEST_CASE("who takes no answers gets no more of them than have room, and is read no further") {
  ServerRig rig(Answers::at_end);
  rig.takes = 0;
  for (int i = 0; i < 50; ++i) rig.read_without_resuming(times(kGet, 100));
  const std::size_t answered = rig.statuses.size();
  CHECK(answered * kOkAndKeep.size() >= kOwedBound);
  CHECK((answered - 1) * kOkAndKeep.size() < kOwedBound);
  CHECK_FALSE(rig.codec.wants_read());
  rig.takes = SIZE_MAX;
  rig.kernel_takes(answered * kOkAndKeep.size());
  rig.turn();
  CHECK(rig.statuses.size() == 5000);
}

TEST_CASE("what is held back of pipelined requests is bounded") {
  HeadLimits limits;
  limits.head = 1000;
  ServerRig rig(Answers::by_hand, limits);
  rig.read(kGet);
  CHECK(rig.codec.wants_read());
  rig.read(std::string(999, 'x'));
  CHECK(rig.codec.wants_read());
  rig.read("x");
  CHECK_FALSE(rig.codec.wants_read());
}

TEST_CASE("what is held back between two answers is bounded too") {
  HeadLimits limits;
  limits.head = 1000;
  ServerRig rig(Answers::by_hand, limits);
  rig.read(std::string(kGet) + std::string(kGet));
  Response head = with(200, counted(0));
  rig.codec.send(weir::http::ResponseHead{&head});
  rig.codec.send(weir::http::End{});
  // The client does not take its answers, so that its next request has to wait; it sends more of them.
  for (int i = 0; i < 40; ++i) rig.read_without_resuming(kGet);
  CHECK_FALSE(rig.codec.wants_read());
  rig.turn();
  CHECK(rig.codec.in_stream());
}

TEST_CASE("a trailer that Connection names goes no further, others do") {
  const std::string post =
      "POST /a HTTP/1.1\r\nHost: a.test\r\nConnection: X-T, x-v\r\nTransfer-Encoding: chunked\r\n"
      "connection: x-w\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n";
  const std::string told = "POST /a at a.test 1.1 length=unknown []\nbody hello\n";
  for (std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    ServerRig rig(Answers::at_end);
    rig.read_in_pieces(post + "X-T: 1\r\nX-U: 2\r\nX-V: 3\r\nX-W: 4\r\nX-T: 5\r\n\r\n", piece);
    CHECK(rig.log.text() == told + "trailers X-U=2\nend\n");
    rig.log.clear();
    rig.read_in_pieces(post + "x-t: 1\r\n\r\n", piece);
    rig.read_in_pieces(post + "\r\n", piece);
    CHECK(rig.log.text() == told + "end\n" + told + "end\n");
    rig.log.clear();
    rig.read_in_pieces(std::string(kChunked) + "0\r\nX-T: 1\r\n\r\n", piece);
    CHECK(rig.log.has("trailers X-T=1\n"));
  }
}

TEST_CASE("empty lines before a request line are passed over, a few of them") {
  ServerRig rig(Answers::at_end);
  rig.read("\r\n\r\n" + std::string(kGet));
  rig.read("\r\n");
  CHECK(rig.idle());
  rig.read_in_pieces("\r\n" + std::string(kGet), 1);
  CHECK(rig.statuses == std::vector<int>{200, 200});
  for (std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{100}}) {
    ServerRig many(Answers::at_end);
    many.read_in_pieces(times("\r\n", 5) + std::string(kGet), piece);
    CHECK(many.statuses == std::vector<int>{400});
  }
}

TEST_CASE("HTTP/1.0 ends the connection unless it asked to keep it") {
  ServerRig rig(Answers::at_end);
  rig.read("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(rig.take_wire() == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  CHECK(rig.codec.next() == Next::keep);
  rig.read("GET /a HTTP/1.0\r\n\r\n" + std::string(kGet));
  CHECK(rig.take_wire() == kOkClose);
  CHECK(rig.codec.next() == Next::linger);
  CHECK(rig.statuses.size() == 2);
}

TEST_CASE("Connection: close ends the connection, and nothing behind it is served") {
  ServerRig rig(Answers::at_end);
  rig.read("GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: x, Close\r\n\r\n" + std::string(kGet));
  CHECK(rig.wire == kOkClose);
  CHECK(rig.statuses.size() == 1);
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("draining says Connection: close in the next final head") {
  ServerRig rig(Answers::at_end);
  rig.read(kGet);
  rig.codec.drain();
  CHECK(rig.codec.next() == Next::keep);
  rig.take_wire();
  rig.read(kGet);
  CHECK(rig.wire == kOkClose);
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("answers without a body have none, whatever their head says") {
  ServerRig rig;
  rig.read(kHead);
  rig.send_head(with(200, counted(5)));
  rig.send_body("hello");
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  rig.read(kHead);
  rig.send_head(with(200));
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 200 OK\r\n\r\n");
  rig.read(kHead);
  rig.send_head(with(200, kUnknown));
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 200 OK\r\n\r\n");
  rig.read(kGet);
  rig.send_head(with(204, counted(5)));
  rig.send_body("hello");
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 204 No Content\r\n\r\n");
  rig.read(kGet);
  rig.send_head(with(304, counted(5)));
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n");
  CHECK(rig.codec.next() == Next::keep);
}

TEST_CASE("a body of unknown length goes in chunks, to HTTP/1.0 until the end of the connection") {
  ServerRig rig;
  rig.read(kGet);
  rig.send_head(with(200, kUnknown));
  rig.send_body("hello");
  rig.send_body("");
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  CHECK(rig.codec.next() == Next::keep);
  rig.read("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  rig.send_head(with(200, kUnknown));
  rig.send_body("hello");
  rig.send_end();
  CHECK(rig.take_wire() == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("a response that says nothing of its length and has no body says so") {
  ServerRig rig;
  rig.read(kGet);
  rig.send_head(with(404));
  rig.send_end();
  CHECK(rig.wire == "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("trailers are sent behind chunks and nowhere else") {
  weir::http::Fields trailers;
  trailers.add("X-T", "1");
  ServerRig rig;
  rig.read(kGet);
  rig.send_head(with(200, kUnknown));
  rig.send_body("hello");
  rig.send(weir::http::Trailers{&trailers});
  rig.send_end();
  CHECK(rig.take_wire() ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n");
  rig.read(kGet);
  rig.send_head(with(200, counted(2)));
  rig.send_body("ok");
  rig.send(weir::http::Trailers{&trailers});
  rig.send_end();
  CHECK(rig.take_wire() == kOkAndKeep);
}

TEST_CASE("interim heads go to HTTP/1.1 clients only, without framing") {
  ServerRig rig;
  rig.read(kGet);
  Response hints = with(103, counted(7));
  hints.fields.add("Link", "</a>");
  rig.send_head(hints);
  rig.send_head(with(100));
  rig.answer(200, "ok");
  CHECK(rig.take_wire() == "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" +
                               std::string(kOkAndKeep));
  rig.read("GET /a HTTP/1.0\r\n\r\n");
  rig.send_head(hints);
  rig.answer(200, "ok");
  CHECK(rig.wire == kOkClose);
}

TEST_CASE("an answer before the end of the request is given whole, and ends the connection") {
  ServerRig rig;
  rig.read(std::string(kPost) + "he");
  rig.answer(413, "no");
  CHECK(rig.wire == "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  CHECK(rig.codec.next() == Next::linger);
  rig.log.clear();
  rig.read("llo" + std::string(kGet));
  CHECK(rig.log.text().empty());
}

TEST_CASE("an early answer whose body outlasts the request still ends the connection") {
  ServerRig rig;
  rig.read(std::string(kPost) + "he");
  rig.send_head(with(200, counted(2)));
  rig.read("llo" + std::string(kGet));
  rig.send_body("ok");
  rig.send_end();
  CHECK(rig.wire == kOkClose);
  CHECK(rig.codec.next() == Next::linger);
  CHECK_FALSE(rig.codec.in_stream());
}

TEST_CASE("a handler that answers inside the first body event") {
  ServerRig rig(Answers::at_head);
  rig.read(std::string(kPost) + "hello" + std::string(kGet));
  CHECK(rig.statuses == std::vector<int>{200});
  CHECK(rig.wire == kOkClose);
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("a head that is refused is answered, and nothing more is read") {
  for (auto [head, status] : {std::pair("GET /a HTTP/2.0\r\n", 505), std::pair("GET /a HTTP/1.1\n", 400),
                              std::pair("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n", 405),
                              std::pair("GET /a HTTP/1.1\r\n\r\n", 400), std::pair("\x16\x03\x01", 400)}) {
    ServerRig rig(Answers::at_end);
    rig.read(head + std::string(kGet));
    CHECK(rig.statuses == std::vector<int>{status});
    CHECK(rig.codec.next() == Next::linger);
    CHECK(rig.wire.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\nno\n"));
    rig.read(kGet);
    CHECK(rig.statuses.size() == 1);
  }
}

TEST_CASE("a refusal behind a HEAD on the same connection has its body") {
  for (std::string_view bad :
       {"GET /a HTTP/1.1\n", "GET /a HTTP/1.1\r\nHost: a.test\r\n\n", "GET /a HTTP/3.0\r\n"}) {
    ServerRig rig(Answers::at_end);
    rig.read(kHead);
    rig.take_wire();
    rig.read(bad);
    CHECK(rig.wire.ends_with("Content-Length: 3\r\nConnection: close\r\n\r\nno\n"));
  }
}

TEST_CASE("a head that does not come in time is answered like one that is refused") {
  ServerRig rig;
  rig.read("GET /a HT");
  CHECK(rig.codec.in_head());
  rig.codec.refuse_head(
      {weir::base::Reason::client_timeout, weir::base::Fault::downstream, weir::base::Retry::never, 408, ""});
  rig.turn();
  CHECK(rig.wire == "HTTP/1.1 408 Request Timeout\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("a body that turns bad is reported once and can be answered") {
  ServerRig rig;
  rig.read(std::string(kChunked) + "5\r\nhelloX" + std::string(kGet));
  CHECK(rig.log.text() == "POST /a at a.test 1.1 length=unknown []\nbody hello\nreceive failed 400\n");
  rig.answer(400, "no");
  CHECK(rig.wire == "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("every limit of a head has its own status, however the bytes arrive") {
  HeadLimits limits{.head = 300, .fields = 3, .start_line = 100};
  const auto status = [&](const std::string& text, std::size_t piece) {
    ServerRig rig(Answers::at_end, limits);
    rig.read_in_pieces(text, piece);
    REQUIRE(rig.statuses.size() == 1);
    return rig.statuses[0];
  };
  const auto line = [](std::size_t size) { return "GET /" + std::string(size - 14, 'x') + " HTTP/1.1\r\n"; };
  const std::string host = "Host: a.test\r\n";
  for (std::size_t piece : {1, 2, 3, 7, 64, 1000}) {
    CHECK(status(line(100) + host + "\r\n", piece) == 200);
    CHECK(status(line(101) + host + "\r\n", piece) == 414);
    CHECK(status("GET /" + std::string(400, 'x'), piece) == 414);
    CHECK(status(line(20) + host + "A: 1\r\nB: 2\r\n\r\n", piece) == 200);
    CHECK(status(line(20) + host + "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", piece) == 431);
    CHECK(status(line(20) + host + times("A: 1\r\n", 30) + "\r\n", piece) == 431);
    const std::string rest = line(20) + host + "A: \r\n\r\n";
    CHECK(status(line(20) + host + "A: " + std::string(300 - rest.size(), 'x') + "\r\n\r\n", piece) == 200);
    CHECK(status(line(20) + host + "A: " + std::string(301 - rest.size(), 'x') + "\r\n\r\n", piece) == 431);
    CHECK(status(line(20) + "A: " + std::string(400, 'x'), piece) == 431);
  }
}
