// H1Client: requests out, responses in; what makes a connection fit for another request, and what ends it.
#include "tests/unit/catch.h"
#include "tests/unit/codec/client_rig.h"

using namespace weir::codec;
using weir::base::Reason;
using weir::base::Retry;
using weir::http::Request;

namespace {

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kOkTold = "200 OK 1.1 length=2 []\nbody ok\nend\n";

Request post(weir::http::BodyLength length) {
  Request head;
  head.method = weir::http::Method::post;
  head.method_text = "POST";
  head.target = "/";
  head.authority = "a.test";
  head.length = length;
  return head;
}

constexpr weir::http::BodyLength bytes(std::uint64_t n) {
  return {weir::http::BodyLength::Kind::bytes, n};
}

// A GET, what came for it, and whether the connection may go on.
std::string got(std::string_view text, std::string_view method = "GET") {
  ClientRig rig;
  rig.ask(method, "/");
  rig.read(text);
  return rig.log.text() + (rig.codec.reusable() ? "reusable" : rig.codec.idle() ? "over" : "waiting");
}

}  // namespace

TEST_CASE("a request goes out, its response comes in, and the next may follow") {
  ClientRig rig;
  for (int i = 0; i < 3; ++i) {
    rig.ask("GET", "/a");
    CHECK(rig.take_wire() == "GET /a HTTP/1.1\r\nHost: a.test\r\n\r\n");
    CHECK_FALSE(rig.codec.idle());
    rig.log.clear();
    rig.read(kOk);
    CHECK(rig.log.text() == kOkTold);
    CHECK(rig.codec.reusable());
    CHECK(rig.idles == i + 1);
  }
}

TEST_CASE("request bodies: counted, chunked, with trailers") {
  ClientRig rig;
  rig.ask_head(post(bytes(5)));
  rig.send_body("hel");
  rig.send_body("");
  rig.send_body("lo");
  rig.send_end();
  CHECK(rig.take_wire() == "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello");
  rig.read(kOk);
  rig.ask_head(post(kUnknown));
  rig.send_body("hello");
  weir::http::Fields trailers;
  trailers.add("X-T", "1");
  rig.send(weir::http::Trailers{&trailers});
  rig.send_end();
  CHECK(rig.wire ==
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: "
        "1\r\n\r\n");
  rig.read(kOk);
  CHECK(rig.codec.reusable());
}

TEST_CASE("every framing of a response") {
  CHECK(got(kOk) == kOkTold + "reusable");
  CHECK(got("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n") ==
        "200 OK 1.1 length=unknown []\nbody ok\ntrailers X-T=1\nend\nreusable");
  CHECK(got("HTTP/1.1 200 OK\r\nConnection: X-T, Server\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"
            "X-T: 1\r\nX-U: 2\r\nServer: x\r\n\r\n") ==
        "200 OK 1.1 length=unknown []\nbody ok\ntrailers X-U=2\nend\nreusable");
  CHECK(got("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "200 OK 1.1 length=0 []\nend\nreusable");
  CHECK(got("HTTP/1.1 200 OK\r\n\r\nok") == "200 OK 1.1 length=unknown []\nbody ok\nwaiting");
  CHECK(got("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok") ==
        "200 OK 1.0 length=2 []\nbody ok\nend\nover");
  CHECK(got("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok") ==
        "200 OK 1.0 length=2 []\nbody ok\nend\nreusable");
  CHECK(got("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok") ==
        "200 OK 1.1 length=2 []\nbody ok\nend\nover");
}

TEST_CASE("responses without a body, whatever their fields say") {
  CHECK(got("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD") ==
        "200 OK 1.1 length=5 []\nend\nreusable");
  CHECK(got("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HEAD") ==
        "200 OK 1.1 length=unknown []\nend\nreusable");
  CHECK(got("HTTP/1.1 200 OK\r\n\r\n", "HEAD") == "200 OK 1.1 length=none []\nend\nreusable");
  CHECK(got("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n") ==
        "204 No Content 1.1 length=none []\nend\nreusable");
  // What it announces may follow, and would be taken for the next answer.
  CHECK(got("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n") ==
        "204 No Content 1.1 length=none []\nend\nover");
  CHECK(got("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n") ==
        "204 No Content 1.1 length=none []\nend\nover");
  CHECK(got("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n") ==
        "304 Not Modified 1.1 length=5 []\nend\nreusable");
}

TEST_CASE("a body until close ends with FIN, and is cut by RST") {
  ClientRig rig;
  rig.ask("GET", "/");
  rig.read("HTTP/1.1 200 OK\r\n\r\nok");
  rig.read_end();
  CHECK(rig.log.text() == "200 OK 1.1 length=unknown []\nbody ok\nend\n");
  CHECK(rig.codec.next() == Next::close);
  ClientRig cut;
  cut.ask("GET", "/");
  cut.read("HTTP/1.1 200 OK\r\n\r\nok");
  cut.read_error();
  CHECK(cut.log.text().ends_with("body ok\nreset upstream_truncated 502\n"));
}

TEST_CASE("interim responses pass, as long as they are together no larger than a head may be") {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  const std::string told_hints = "103 Early Hints 1.1 length=none [Link=</a>]\n";
  CHECK(got("HTTP/1.1 100 Continue\r\n\r\n" + hints + std::string(kOk)) ==
        "100 Continue 1.1 length=none []\n" + told_hints + kOkTold + "reusable");
  const std::string processing = "HTTP/1.1 102 Processing\r\n\r\n";
  HeadLimits limits;
  limits.head = 1000 * processing.size();
  ClientRig rig(limits);
  for (int response = 0; response < 2; ++response) {
    rig.ask("GET", "/");
    for (int i = 0; i < 1000; ++i) rig.read(processing);
    rig.log.clear();
    rig.read(kOk);
    CHECK(rig.log.text() == kOkTold);
  }
  --limits.head;
  ClientRig flooded(limits);
  flooded.ask("GET", "/");
  for (int i = 0; i < 999; ++i) flooded.read(processing);
  flooded.log.clear();
  flooded.read(processing);
  CHECK(flooded.log.text() == "reset upstream_bad 502\n");
}

TEST_CASE("bytes that answer nothing end the connection: behind a response, between two, before one") {
  CHECK(got(std::string(kOk) + "x") == kOkTold + "over");
  CHECK(got(std::string(kOk) + std::string(kOk)) == kOkTold + "over");
  CHECK(got("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nx").ends_with("end\nover"));
  CHECK(got("HTTP/1.1 204 No Content\r\n\r\nx").ends_with("end\nover"));
  CHECK(got("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "HEAD").ends_with("end\nover"));
  ClientRig idle;
  idle.ask("GET", "/");
  idle.read(kOk);
  idle.read("x");
  CHECK_FALSE(idle.codec.reusable());
  CHECK(idle.codec.next() == Next::close);
  ClientRig fresh;
  fresh.read("x");
  CHECK_FALSE(fresh.codec.reusable());
}

TEST_CASE("a connection with bytes behind a response's body is at no moment taken for reusable") {
  for (std::string_view end :
       {"Content-Length: 2\r\n\r\nokx", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx"}) {
    ClientRig rig;
    rig.ask("GET", "/");
    rig.read("HTTP/1.1 200 OK\r\n" + std::string(end));
    CHECK(rig.idles == 1);
    CHECK_FALSE(rig.reusable_when_idle);
  }
}

TEST_CASE("a connection with bytes behind a response without body is at no moment taken for reusable") {
  for (std::string_view text : {"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
                                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nx"}) {
    ClientRig rig;
    rig.ask("GET", "/");
    rig.read(text);
    CHECK(rig.idles == 1);
    CHECK_FALSE(rig.reusable_when_idle);
  }
}

TEST_CASE("what is not a response at all is a bad node") {
  for (std::string_view bad :
       {"garbage\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 99 x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n",
        "HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n"})
    CHECK(got(bad) == "reset upstream_bad 502\nover");
  CHECK(got("HTTP/1.1 200 OK\r\nX: " + std::string(70000, 'x')) == "reset upstream_bad 502\nover");
  CHECK(got("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokX") ==
        "200 OK 1.1 length=unknown []\nbody ok\nreset upstream_bad 502\nover");
}

TEST_CASE("a node that greets or asks instead of answering is a bad one at once") {
  for (const std::string_view greeting : {"SSH-2.0-OpenSSH_9.2p1\r\n", "\x15\x03\x03", "220 mail.test ESMTP"})
    CHECK(got(greeting) == "reset upstream_bad 502\nover");
}

TEST_CASE("an end inside the answer's head says so") {
  ClientRig closed, was_reset, silent;
  for (ClientRig* rig : {&closed, &was_reset}) {
    rig->ask("GET", "/");
    rig->read("HTTP/1.1 20");
  }
  closed.read_end();
  was_reset.read_error();
  silent.ask("GET", "/");
  silent.read_end();
  CHECK(closed.error.detail == "the node closed the connection inside its answer's head");
  CHECK(was_reset.error.detail == "the node reset the connection inside its answer's head");
  CHECK(silent.error.detail == "the node closed the connection");
}

TEST_CASE("an end before any byte of the response may be the idle race; later it is not") {
  const auto lost = [](std::string_view received, auto end) {
    ClientRig rig;
    rig.ask("GET", "/");
    rig.read(received);
    end(rig);
    CHECK(rig.codec.idle());
    CHECK(rig.codec.next() == Next::close);
    CHECK(rig.idles == 1);
    CHECK(rig.error.fault == weir::base::Fault::upstream);
    CHECK(rig.error.status == 502);
    return std::pair(rig.error.reason, rig.error.retry);
  };
  const auto fin = [](ClientRig& rig) { rig.read_end(); };
  const auto rst = [](ClientRig& rig) { rig.read_error(); };
  CHECK(lost("", fin) == std::pair(Reason::upstream_closed, Retry::reused_connection));
  CHECK(lost("", rst) == std::pair(Reason::upstream_reset, Retry::reused_connection));
  CHECK(lost("HTTP/1.1 20", fin) == std::pair(Reason::upstream_closed, Retry::other_node));
  CHECK(lost("H", rst) == std::pair(Reason::upstream_reset, Retry::other_node));
  CHECK(lost("HTTP/1.1 103 x\r\n\r\n", fin) == std::pair(Reason::upstream_closed, Retry::other_node));
  CHECK(lost("HTTP/1.1 103 x\r\n\r\nHTTP/1.1 2", rst) ==
        std::pair(Reason::upstream_reset, Retry::other_node));
  CHECK(lost("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", fin) ==
        std::pair(Reason::upstream_truncated, Retry::never));
  CHECK(lost("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", rst) ==
        std::pair(Reason::upstream_truncated, Retry::never));
  CHECK(lost("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", fin) ==
        std::pair(Reason::upstream_truncated, Retry::never));
}

TEST_CASE("an idle connection that ends is closed") {
  ClientRig fin, rst, write;
  fin.read_end();
  rst.read_error();
  write.write_error();
  for (ClientRig* rig : {&fin, &rst, &write}) {
    CHECK(rig->codec.next() == Next::close);
    CHECK_FALSE(rig->codec.reusable());
    CHECK(rig->log.text().empty());
  }
}

TEST_CASE("a failed write ends the request half only; an early answer is still read") {
  ClientRig rig;
  rig.ask_head(post(bytes(100)));
  rig.send_body("some");
  rig.write_error();
  CHECK(rig.log.text() == "send failed\n");
  CHECK(rig.error.retry == Retry::reused_connection);
  rig.take_wire();
  rig.send_body("more");
  rig.send_end();
  CHECK(rig.wire.empty());
  rig.read("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  CHECK(rig.log.text().ends_with("413 Too Large 1.1 length=2 []\nbody no\nend\n"));
  CHECK(rig.codec.next() == Next::close);
}

TEST_CASE("a response that ends before the request does leaves the connection unfit") {
  ClientRig rig;
  rig.ask_head(post(bytes(100)));
  rig.send_body("some");
  rig.read(kOk);
  CHECK(rig.log.text() == kOkTold);
  CHECK_FALSE(rig.codec.reusable());
  CHECK(rig.codec.next() == Next::close);
}

TEST_CASE("a reset ends the exchange without a word, and the connection with it") {
  ClientRig rig;
  rig.ask("GET", "/");
  rig.reset();
  CHECK(rig.log.text().empty());
  CHECK(rig.codec.next() == Next::close);
  CHECK(rig.idles == 1);
  rig.reset();
  CHECK(rig.idles == 1);
  rig.read(kOk);
  CHECK(rig.log.text().empty());
}

TEST_CASE("a tunnel goes both ways and ends one half at a time") {
  const std::string switching =
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  ClientRig rig;
  rig.ask_upgrade("websocket");
  CHECK(rig.take_wire() ==
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  rig.read(switching + "hi");
  CHECK(rig.log.text() == "101 Switching Protocols 1.1 length=none upgrade=websocket []\nbody hi\n");
  rig.send_body("ho");
  CHECK(rig.take_wire() == "ho");
  SECTION("ours first") {
    rig.send_end();
    CHECK(rig.codec.next() == Next::shutdown_write);
    rig.codec.shutdown_done();
    rig.read("more");
    CHECK_FALSE(rig.codec.idle());
    rig.read_end();
    CHECK(rig.log.text().ends_with("body more\nend\n"));
  }
  SECTION("the node's first") {
    rig.read_end();
    CHECK(rig.log.text().ends_with("body hi\nend\n"));
    rig.send_body("more");
    CHECK(rig.wire == "more");
    CHECK_FALSE(rig.codec.idle());
    rig.send_end();
  }
  SECTION("by a reset of ours: RST, so that the cut shows") {
    rig.reset();
    CHECK(rig.codec.next() == Next::reset);
    return;
  }
  SECTION("by a RST of the node") {
    rig.read_error();
    CHECK(rig.log.text().ends_with("reset upstream_truncated 502\n"));
    CHECK(rig.codec.idle());
    CHECK(rig.codec.next() == Next::close);
    CHECK(rig.idles == 1);
    return;
  }
  CHECK(rig.codec.idle());
  CHECK(rig.codec.next() == Next::linger);  // what was sent last may not have left
  CHECK(rig.idles == 1);
}

TEST_CASE("a 101 that answers no offer is a bad node; an offer may be declined") {
  const std::string switching = "HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: ";
  const auto offered = [&](std::string_view offer, const std::string& answer) {
    ClientRig rig;
    rig.ask_upgrade(offer);
    rig.read(answer);
    return rig.log.text();
  };
  CHECK(got(switching + "websocket\r\n\r\n") == "reset upstream_bad 502\nover");
  CHECK(offered("websocket", "HTTP/1.1 101 x\r\n\r\n") == "reset upstream_bad 502\n");
  CHECK(offered("websocket", switching + "h2c\r\n\r\n") == "reset upstream_bad 502\n");
  CHECK(offered("a, WebSocket", switching + "websocket\r\n\r\n").starts_with("101"));
  CHECK(offered("websocket", std::string(kOk)) == kOkTold);
}

TEST_CASE("reading from a node stops at the bound of owed bytes and resumes at half of it") {
  ClientRig rig;
  rig.grants = false;
  rig.ask("GET", "/");
  rig.read("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  rig.read(std::string(kOwedBound - 1, 'x'));
  CHECK(rig.codec.wants_read());
  rig.read("x");
  CHECK_FALSE(rig.codec.wants_read());
  rig.grant(kOwedBound / 2 - 1);
  CHECK_FALSE(rig.codec.wants_read());
  rig.grant(1);
  CHECK(rig.codec.wants_read());
}

TEST_CASE("a finished exchange leaves no debt, and grants that come late are nothing") {
  ClientRig rig;
  rig.grants = false;
  rig.ask("GET", "/");
  rig.read("HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + std::string(70000, 'x'));
  CHECK(rig.codec.wants_read());
  CHECK(rig.codec.reusable());
  rig.grant(70000);
  rig.ask("GET", "/");
  rig.read("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(kOwedBound - 1, 'x'));
  CHECK(rig.codec.wants_read());
}

TEST_CASE("what of a request's body has left is reported") {
  ClientRig rig;
  rig.takes = 0;
  rig.ask_head(post(kUnknown));
  rig.send_body("hello");
  rig.kernel_takes(rig.wire.size() - 3);
  CHECK(rig.on_sent_bytes == 2);
  rig.kernel_takes(3);
  CHECK(rig.on_sent_bytes == 5);
}

TEST_CASE("a node that keeps its connection for no time at all is believed") {
  CHECK(got("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\nContent-Length: 0\r\n\r\n") ==
        "200 OK 1.1 length=0 []\nend\nover");
}

TEST_CASE("what the node says of its connection is that of the latest response") {
  ClientRig rig;
  rig.ask("GET", "/");
  rig.read("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=7\r\nContent-Length: 0\r\n\r\n");
  CHECK(rig.codec.node_says().keep_alive_timeout_s == 7);
  rig.ask("GET", "/");
  rig.read(kOk);
  CHECK(rig.codec.node_says().keep_alive_timeout_s == 0);
}
