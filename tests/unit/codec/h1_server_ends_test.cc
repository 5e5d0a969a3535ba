// H1Server: FIN, RST and failed writes in every state, cut answers, tunnels and their half-closes,
// backpressure.
#include "tests/unit/catch.h"
#include "tests/unit/codec/server_rig.h"

using namespace weir::codec;
using weir::http::Response;
using Answers = ServerRig::Answers;

namespace {

constexpr std::string_view kBig = "POST /a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n";
constexpr std::string_view kUpgrade =
    "GET /a HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

Response head_of(int status, weir::http::BodyLength length = {}) {
  Response head;
  head.status = status;
  head.length = length;
  if (status == 101) head.upgrade = "websocket";
  return head;
}

constexpr weir::http::BodyLength kFive{weir::http::BodyLength::Kind::bytes, 5};

}  // namespace

TEST_CASE("FIN between requests and inside a head closes without an answer") {
  for (std::string_view bytes : {"", "\r\n", "GET /a HT", "GET /a HTTP/1.1\r\nHost: a.test\r\n"}) {
    ServerRig rig;
    rig.read(bytes);
    rig.codec.receive_end();
    CHECK(rig.codec.next() == Next::linger);  // at once: nobody has to come back for it
    CHECK(rig.wire.empty());
  }
}

TEST_CASE("FIN behind a whole request is a half-close: the answer is given first") {
  ServerRig rig;
  rig.read(kGet);
  rig.read_end();
  CHECK(rig.log.text() == "GET /a at a.test 1.1 length=none []\nend\n");
  CHECK(rig.codec.next() == Next::keep);
  rig.answer(200, "ok");
  CHECK(rig.wire == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("a client that asked for the end is done once it is answered, unless it sent more or may") {
  const auto done = [](std::string_view bytes) {
    ServerRig rig;
    rig.read(bytes);
    CHECK_FALSE(rig.codec.client_is_done());
    rig.answer(200, "ok");
    return rig.codec.next() == Next::linger && rig.codec.client_is_done();
  };
  const std::string close = "Host: a.test\r\nConnection: close\r\n";
  CHECK(done("GET /a HTTP/1.1\r\n" + close + "\r\n"));
  CHECK(done("GET /a HTTP/1.0\r\n\r\n"));
  CHECK_FALSE(done("POST /a HTTP/1.1\r\n" + close + "Content-Length: 2\r\n\r\nhi"));  // old ones add CRLF
  CHECK_FALSE(done("POST /a HTTP/1.1\r\n" + close + "Content-Length: 2\r\n\r\nhi\r\n"));
  CHECK_FALSE(done("POST /a HTTP/1.1\r\n" + close + "Content-Length: 3\r\n\r\nhi"));
  CHECK_FALSE(done("GET /a HTTP/1.1\r\n" + close + "\r\n" + std::string(kGet)));
}

TEST_CASE("FIN behind pipelined requests: all of them are answered") {
  ServerRig rig;
  rig.read(std::string(kGet) + std::string(kGet) + "GET /b HTTP");
  rig.read_end();
  rig.answer(200, "1");
  CHECK(rig.codec.next() == Next::keep);
  rig.answer(200, "2");
  CHECK(rig.statuses.size() == 2);
  CHECK(rig.codec.next() == Next::linger);
}

TEST_CASE("FIN inside a body, and an error or a failed write at any time, is a client gone") {
  const auto gone = [](std::string_view bytes, auto happen) {
    ServerRig rig;
    rig.read(bytes);
    happen(rig);
    CHECK(rig.log.text().ends_with("reset client_gone\n"));
    CHECK(rig.codec.next() == Next::close);
    CHECK_FALSE(rig.codec.in_stream());
    rig.read(kGet);
    CHECK(rig.log.text().ends_with("reset client_gone\n"));
  };
  gone(std::string(kPost) + "he", [](ServerRig& rig) { rig.read_end(); });
  gone(std::string(kPost) + "he", [](ServerRig& rig) { rig.read_error(); });
  gone(kGet, [](ServerRig& rig) { rig.read_error(); });
  gone(kGet, [](ServerRig& rig) { rig.codec.send_failed(); });
  gone(kUpgrade, [](ServerRig& rig) {
    rig.send_head(head_of(101));
    rig.read_error();
  });
}

TEST_CASE("an error on an idle connection closes it") {
  ServerRig rig;
  rig.read_error();
  CHECK(rig.log.text().empty());
  CHECK(rig.codec.next() == Next::close);
}

TEST_CASE("a cut answer can be seen to be cut") {
  const auto after = [](std::string_view request, std::optional<Response> head, std::string_view body,
                        weir::base::Fault fault = weir::base::Fault::upstream) {
    ServerRig rig;
    rig.read(request);
    if (head) rig.send_head(*head);
    if (!body.empty()) rig.send_body(body);
    rig.reset(fault);
    CHECK_FALSE(rig.codec.in_stream());
    CHECK_FALSE(rig.wire.ends_with("0\r\n\r\n"));
    rig.reset(fault);  // idempotent
    CHECK_FALSE(rig.log.has("reset"));
    return rig.codec.next();
  };
  CHECK(after(kGet, std::nullopt, "") == Next::linger);
  CHECK(after(kGet, head_of(200, kFive), "he") == Next::linger);
  CHECK(after(kGet, head_of(200, kUnknown), "he") == Next::linger);
  CHECK(after("GET /a HTTP/1.0\r\n\r\n", head_of(200, kUnknown), "he") == Next::reset);
  CHECK(after(kUpgrade, head_of(101), "he") == Next::reset);
  // Nothing waits for a client that is gone, or takes nothing.
  CHECK(after(kGet, head_of(200, kFive), "he", weir::base::Fault::downstream) == Next::close);
}

TEST_CASE("a tunnel carries bytes both ways and ends one half at a time: the client first") {
  ServerRig rig;
  rig.read(kUpgrade);
  CHECK(rig.log.text() == "GET /a at a.test 1.1 length=none upgrade=websocket []\nend\n");
  rig.log.clear();
  rig.send_head(head_of(101));
  CHECK(rig.take_wire() ==
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  rig.read("ping");
  rig.send_body("pong");
  CHECK(rig.take_wire() == "pong");
  rig.read_end();
  CHECK(rig.log.text() == "body ping\nend\n");
  CHECK(rig.codec.next() == Next::keep);
  rig.send_body("more");
  CHECK(rig.take_wire() == "more");
  rig.send_end();
  CHECK(rig.codec.next() == Next::linger);
  CHECK_FALSE(rig.codec.in_stream());
}

TEST_CASE("a tunnel's end from the node first is a FIN to the client, which may go on sending") {
  ServerRig rig;
  rig.read(kUpgrade);
  rig.send_head(head_of(101));
  rig.send_end();
  CHECK(rig.codec.next() == Next::shutdown_write);
  rig.codec.shutdown_done();
  CHECK(rig.codec.next() == Next::keep);
  rig.log.clear();
  rig.read("more");
  rig.read_end();
  CHECK(rig.log.text() == "body more\nend\n");
  CHECK(rig.codec.next() == Next::linger);
  CHECK_FALSE(rig.codec.in_stream());
}

TEST_CASE("bytes that came behind the Upgrade request are the tunnel's first") {
  ServerRig rig;
  rig.read(std::string(kUpgrade) + "early ");
  CHECK_FALSE(rig.log.has("early"));
  rig.send_head(head_of(101));
  rig.read("late");
  CHECK(rig.log.has("body early late"));
}

TEST_CASE("bytes that came behind the Upgrade request are held for a tunnel until FIN") {
  ServerRig rig;
  rig.read(std::string(kUpgrade) + "early");
  rig.read_end();
  rig.send_head(head_of(101));
  CHECK(rig.log.has("body early\nend\n"));
}

TEST_CASE("a tunnel's late bytes never overtake its early ones") {
  ServerRig rig;
  rig.read(std::string(kUpgrade) + "early ");
  Response head = head_of(101);
  rig.codec.send(weir::http::ResponseHead{&head});
  rig.read_without_resuming("late");  // before the loop came round to resume()
  rig.turn();
  CHECK(rig.log.has("body early late"));
}

TEST_CASE("a FIN that came before the 101 ends the client's half of the tunnel") {
  ServerRig rig;
  rig.read(kUpgrade);
  rig.read_end();
  rig.send_head(head_of(101));
  CHECK(rig.log.text().ends_with("end\nend\n"));
}

TEST_CASE("an upgrade that the node declines is an ordinary exchange") {
  ServerRig rig(Answers::at_end);
  rig.read(std::string(kUpgrade) + std::string(kGet));
  CHECK(rig.statuses == std::vector<int>{200, 200});
  CHECK(rig.codec.next() == Next::keep);
}

TEST_CASE("reading stops at the bound of owed bytes and resumes at half of it") {
  ServerRig rig;
  rig.grants = false;
  rig.read(kBig);
  rig.read(std::string(kOwedBound - 1, 'x'));
  CHECK(rig.codec.wants_read());
  rig.read("x");
  CHECK_FALSE(rig.codec.wants_read());
  rig.read("xx");  // what was read at once may pass the bound
  rig.grant(kOwedBound / 2 + 1);
  CHECK_FALSE(rig.codec.wants_read());
  const auto changes = rig.changes;
  rig.grant(1);
  CHECK(rig.codec.wants_read());
  CHECK(rig.changes > changes);
  rig.grant(kOwedBound / 2);
  CHECK(rig.codec.wants_read());
}

TEST_CASE("a tunnel's bytes are owed too") {
  ServerRig rig;
  rig.grants = false;
  rig.read(kUpgrade);
  rig.send_head(head_of(101));
  rig.read(std::string(kOwedBound, 'x'));
  CHECK_FALSE(rig.codec.wants_read());
  rig.grant(kOwedBound / 2);
  CHECK(rig.codec.wants_read());
}

TEST_CASE("a finished exchange leaves no debt to the next") {
  ServerRig rig;
  rig.grants = false;
  rig.read(std::string(kPost) + "hello");
  rig.answer(200, "ok");
  rig.read(kBig);
  rig.read(std::string(kOwedBound - 1, 'x'));
  CHECK(rig.codec.wants_read());
}

TEST_CASE("payload is reported as sent when its last byte has left, framing is not counted") {
  ServerRig rig;
  rig.takes = 0;
  rig.read(kGet);
  rig.send_head(head_of(200, kUnknown));
  rig.send_body("hello");
  CHECK(rig.on_sent_bytes == 0);
  const std::size_t wire = rig.wire.size();
  rig.kernel_takes(wire - 7);  // "hello\r\n" is still pending: 7 bytes may hold all of it
  CHECK(rig.on_sent_bytes == 0);
  rig.kernel_takes(3);
  CHECK(rig.on_sent_bytes == 1);
  rig.kernel_takes(4);
  CHECK(rig.on_sent_bytes == 5);
}

TEST_CASE("an answer's late bytes are never reported to the next exchange") {
  ServerRig rig;
  rig.read(kGet);
  rig.takes = 0;
  rig.answer(200, std::string(1000, 'x'));
  CHECK(rig.on_sent_bytes == 0);
  rig.read(kGet);  // the next request, while the kernel has not taken the first answer
  rig.kernel_takes(rig.wire.size());
  CHECK(rig.on_sent_bytes == 0);
}

TEST_CASE("requests that arrive before what is held was looked at keep their order") {
  const auto get = [](std::string_view path) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a.test\r\n\r\n";
  };
  ServerRig rig;
  rig.read(std::string(kGet) + get("/b") + get("/c"));
  Response head = head_of(200, {weir::http::BodyLength::Kind::bytes, 0});
  rig.codec.send(weir::http::ResponseHead{&head});
  rig.codec.send(weir::http::End{});
  rig.read_without_resuming(get("/d"));
  rig.turn();
  for (std::string_view path : {"GET /b", "GET /c", "GET /d"}) {
    CHECK(rig.log.has(path));
    rig.answer(200, "");
  }
  CHECK_FALSE(rig.log.has("refused"));
  CHECK(rig.idle());
}

TEST_CASE("an empty line that is held does not spoil the request behind it") {
  ServerRig rig;
  rig.read(std::string(kPost) + "hello\r\n");
  Response head = head_of(200, {weir::http::BodyLength::Kind::bytes, 0});
  rig.codec.send(weir::http::ResponseHead{&head});
  rig.codec.send(weir::http::End{});
  rig.read_without_resuming(kGet);
  rig.turn();
  CHECK(rig.log.has("GET /a"));
  CHECK_FALSE(rig.log.has("refused"));
}
