// Heads and framing as bytes, to the letter; and the output that gathers them.
#include "proxy/codec/h1_writer.h"

#include <string>

#include "proxy/codec/h1_parser.h"
#include "proxy/codec/out_queue.h"
#include "tests/unit/catch.h"
#include "tests/unit/codec/transcript.h"

using namespace weir::codec;
using weir::http::Request;
using weir::http::Response;

namespace {

std::string text(Output& out) {
  std::string all;
  for (std::string_view piece : out.gather()) all += piece;
  CHECK(all.size() == out.size());
  return all;
}

template <class Write>
std::string written(Write write) {
  Output out;
  write(out);
  return text(out);
}

Request get() {
  Request request;
  request.method_text = "GET";
  request.target = "/a?b";
  request.authority = "a.test";
  return request;
}

Response ok() {
  Response response;
  response.status = 200;
  return response;
}

}  // namespace

TEST_CASE("request heads") {
  Request request = get();
  request.fields.add("X-A", "1");
  CHECK(written([&](Output& out) { write_request(request, Framing::none, out); }) ==
        "GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\n\r\n");
  request.accepts_trailers = true;
  request.expects_continue = true;
  request.length = {weir::http::BodyLength::Kind::bytes, 18446744073709551615u};
  CHECK(written([&](Output& out) { write_request(request, Framing::counted, out); }) ==
        "GET /a?b HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nContent-Length: 18446744073709551615\r\nExpect: "
        "100-continue\r\n"
        "TE: trailers\r\nConnection: TE\r\n\r\n");
  request = get();
  request.version = weir::http::Version::http10;  // what Weir speaks is 1.1, whatever the client spoke
  CHECK(written([&](Output& out) { write_request(request, Framing::chunked, out); }) ==
        "GET /a?b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
  request.upgrade = "websocket, x";
  CHECK(written([&](Output& out) { write_request(request, Framing::none, out); }) ==
        "GET /a?b HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket, x\r\n\r\n");
}

TEST_CASE("response heads") {
  Response response = ok();
  const auto head = [&](Framing framing, Persistence persistence) {
    return written([&](Output& out) { write_response(response, framing, persistence, out); });
  };
  response.length = {weir::http::BodyLength::Kind::bytes, 5};
  CHECK(head(Framing::counted, Persistence::implied) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  CHECK(head(Framing::none, Persistence::keep_alive) ==
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\n");
  CHECK(head(Framing::chunked, Persistence::close) ==
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
  CHECK(head(Framing::until_close, Persistence::close) == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  response.status = 204;
  CHECK(head(Framing::none, Persistence::implied) == "HTTP/1.1 204 No Content\r\n\r\n");
  response.status = 103;
  CHECK(head(Framing::none, Persistence::implied) == "HTTP/1.1 103 Early Hints\r\n\r\n");
  response.status = 299;
  response.length = {};
  CHECK(head(Framing::none, Persistence::implied) == "HTTP/1.1 299 \r\n\r\n");
  response.reason_phrase = "Own words";
  CHECK(head(Framing::none, Persistence::implied) == "HTTP/1.1 299 Own words\r\n\r\n");
  response = ok();
  response.status = 101;
  response.upgrade = "websocket";
  CHECK(head(Framing::tunnel, Persistence::implied) ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  response.status = 426;
  response.reason_phrase = "x";
  CHECK(head(Framing::chunked, Persistence::implied) ==
        "HTTP/1.1 426 x\r\nTransfer-Encoding: chunked\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(head(Framing::none, Persistence::close) ==
        "HTTP/1.1 426 x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n");
  CHECK(head(Framing::none, Persistence::keep_alive) ==
        "HTTP/1.1 426 x\r\nConnection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n");
}

TEST_CASE("chunks lend their payload") {
  const std::string payload(3000, 'x');
  Output out;
  write_chunk(payload, out);
  REQUIRE(out.gather().size() == 3);
  CHECK(out.gather()[1].data() == payload.data());
  CHECK(text(out) == "bb8\r\n" + payload + "\r\n");
  CHECK(written([](Output& last) { write_last_chunk(nullptr, last); }) == "0\r\n\r\n");
  weir::http::Fields trailers;
  trailers.add("X-T", "1");
  CHECK(written([&](Output& last) { write_last_chunk(&trailers, last); }) == "0\r\nX-T: 1\r\n\r\n");
}

TEST_CASE("what was read and written again reads as the same") {
  const std::string head =
      "POST /a?b HTTP/1.1\r\nhost:  a.test \r\nX-A:1\r\nx-Empty:\r\nX-Long: " + std::string(5000, 'v') +
      "  \r\nAccept: */*\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nTE: "
      "trailers\r\nConnection: TE, X-Own\r\nX-Own: 1\r\n\r\n";
  Request first, second;
  REQUIRE(parse_request(head, {}, first));
  const std::string again = written([&](Output& out) { write_request(first, Framing::chunked, out); });
  REQUIRE(parse_request(again, {}, second));
  CHECK(told(first) == told(second));
  CHECK(told(second).find("X-Own") == std::string::npos);
}

TEST_CASE("an output keeps copies and lent pieces in order") {
  Output out;
  CHECK(out.empty());
  const std::string lent(2000, 'l');
  out.copy("a");
  out.copy("b");
  out.lend(lent);
  out.lend("");
  std::string big(10000, 'x');
  out.copy(big);
  out.copy("c");
  CHECK(out.gather().size() == 3);
  CHECK(text(out) == "ab" + lent + big + "c");
  out.clear();
  CHECK(out.empty());
  CHECK(out.gather().empty());
}

TEST_CASE("an output copies a little payload into the piece before it") {
  Output out;
  out.copy("head ");
  {
    const std::string little = "body";
    out.lend(little);
  }
  CHECK(out.size() == 9);
  REQUIRE(out.gather().size() == 1);
  CHECK(text(out) == "head body");
}

TEST_CASE("an out queue reports payload as soon as too little is pending to hold it") {
  Scratch scratch;
  OutQueue queue(scratch);
  CHECK_FALSE(queue.has_output());
  CHECK(queue.pending() == 0);
  queue.out().copy("HEAD");
  queue.out().lend("payload");
  queue.count_payload(7);
  CHECK(queue.pending() == 11);
  CHECK(queue.gather().size() == 1);
  queue.taken();
  CHECK_FALSE(queue.has_output());
  CHECK(queue.left(4) == 0);
  CHECK(queue.left(3) == 3);
  CHECK(queue.left(4) == 4);
  CHECK(queue.pending() == 0);
}

TEST_CASE("an out queue never reports more than was counted, and all of it in the end") {
  Scratch scratch;
  OutQueue queue(scratch);
  std::size_t reported = 0;
  for (int turn = 0; turn < 10; ++turn) {
    queue.out().copy("frame");
    queue.out().lend("12345678");
    queue.count_payload(8);
    queue.gather();
    queue.taken();
    reported += queue.left(7);
    CHECK(reported <= static_cast<std::size_t>(turn + 1) * 8);
  }
  CHECK(reported + queue.left(queue.pending()) == 80);
}

TEST_CASE("outputs are used again") {
  Scratch scratch;
  auto first = scratch.take_output();
  first->copy("x");
  Output* const address = first.get();
  scratch.give_back(std::move(first));
  auto again = scratch.take_output();
  CHECK(again.get() == address);
  CHECK(again->empty());
}
