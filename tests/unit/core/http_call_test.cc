// A request of Weir's own: what goes over the wire, and every way in which it can end.
#include "proxy/core/http_call.h"

#include <chrono>
#include <optional>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;
using Kind = CallEnd::Kind;

// A call on a loop that stands still, and what its handler hears.
struct Caller final : HttpCallHandler {
  void call(const CallRequest& request = {.target = "/healthz", .host = "a.test"}) {
    runtime.next = {&node};
    held = HttpCall::start(runtime, scratch, *this, *io::Address::parse("127.0.0.1:1"), request,
                           {.timeout = 1s, .body = 100});
  }
  void connected_call(const CallRequest& request = {.target = "/healthz", .host = "a.test"}) {
    call(request);
    runtime.connected();
  }
  void on_call_head(const http::Response& head) override {
    head_status = head.status;
    if (abandon_at == At::head) held.reset();
  }
  void on_call_body(std::string_view bytes) override {
    body.append(bytes);
    if (abandon_at == At::body) held.reset();
  }
  void on_call_end(const CallEnd& with) override {
    REQUIRE_FALSE(end);
    end = with;
    held.reset();  // a handler may let go of its call at once
  }
  ~Caller() { held.reset(), runtime.end_turn(); }

  StillRuntime runtime;
  codec::Scratch scratch;
  PlayedTransport node;
  HttpCallPtr held;
  int head_status = 0;
  std::string body;
  std::optional<CallEnd> end;
  enum class At : std::uint8_t { never, head, body } abandon_at = At::never;
};

}  // namespace

TEST_CASE("a call asks as it is told to, and ends its connection") {
  Caller caller;
  const std::vector<std::pair<std::string, std::string>> fields = {{"User-Agent", "x"}, {"X-Own", "1"}};
  caller.connected_call({.method = "GET", .target = "/a?b=c", .host = "a.test:8000", .fields = fields});
  CHECK(caller.node.take_written() ==
        "GET /a?b=c HTTP/1.1\r\nHost: a.test:8000\r\nUser-Agent: x\r\nX-Own: 1\r\n"
        "Connection: close\r\n\r\n");
  caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  CHECK_FALSE(caller.end);
  caller.runtime.read(caller.node, "llo");
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::answered);
  CHECK(caller.end->status == 200);
  CHECK(caller.body == "hello");
  CHECK(caller.node.released);
}

TEST_CASE("a call's body goes with its length, also after the socket was full") {
  Caller caller;
  caller.node.takes = GENERATE(true, false);
  caller.connected_call({.method = "POST", .host = "a.test", .body = "{}"});
  CHECK(caller.node.take_written() ==
        "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}");
  caller.runtime.read(caller.node, "HTTP/1.1 204 No Content\r\n\r\n");
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::answered);
  CHECK(caller.end->status == 204);
}

TEST_CASE("a POST without a body says so") {
  Caller caller;
  caller.connected_call({.method = "POST", .host = "a.test"});
  CHECK(caller.node.take_written().find("Content-Length: 0\r\n") != std::string::npos);
}

TEST_CASE("an answer may be chunked, end with its connection, or have no body") {
  const auto [answer, body] = GENERATE(table<std::string, std::string>({
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello"},
      {"HTTP/1.1 200 OK\r\n\r\nhello", "hello"},
      {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", ""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"},
  }));
  Caller caller;
  caller.connected_call();
  caller.runtime.read(caller.node, answer);
  if (!caller.end) caller.runtime.read_end(caller.node);
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::answered);
  CHECK(caller.end->status == 200);
  CHECK(caller.body == body);
}

TEST_CASE("HEAD is answered by a head alone") {
  Caller caller;
  caller.connected_call({.method = "HEAD", .host = "a.test"});
  caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::answered);
}

TEST_CASE("a node that cannot be reached ends the call with the connection's error") {
  Caller caller;
  caller.call();
  caller.runtime.connecting->on_connect_failed(
      {.reason = base::Reason::connect_refused, .fault = base::Fault::upstream, .detail = "refused"});
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::connect_failed);
  CHECK(caller.end->error.fault == base::Fault::upstream);
  CHECK(caller.end->error.detail == "refused");
}

TEST_CASE("the deadline says what it cut, at its time") {
  Caller caller;
  caller.call();
  SECTION("connecting") {
    caller.runtime.pass(990ms);
    CHECK_FALSE(caller.end);
    caller.runtime.pass(10ms);
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::connect_timed_out);
  }
  SECTION("waiting for the head") {
    caller.runtime.connected();
    caller.runtime.pass(1s);
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::unanswered);
    CHECK(caller.end->status == 0);
  }
  SECTION("a head that drips") {
    caller.runtime.connected();
    caller.runtime.read(caller.node, "HTTP/1.1 2");
    caller.runtime.pass(1s);
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::timed_out);
    CHECK(caller.end->status == 0);
  }
  SECTION("an answer that drips without an end") {
    caller.runtime.connected();
    caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 9; ++i) {
      caller.runtime.pass(100ms);
      caller.runtime.read(caller.node, "1\r\nx\r\n");
    }
    CHECK_FALSE(caller.end);
    caller.runtime.pass(100ms);
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::timed_out);
    CHECK(caller.end->status == 200);
  }
  CHECK(caller.node.released);
}

TEST_CASE("a body that is announced to be over the bound ends the call at once") {
  Caller caller;
  caller.connected_call();
  SECTION("not one that just fits") {
    caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    CHECK_FALSE(caller.end);
  }
  SECTION("but one byte more") {
    caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n");
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::too_large);
    CHECK(caller.end->status == 200);
    CHECK(caller.node.released);
  }
}

TEST_CASE("a body over the bound ends the call where no length was announced") {
  Caller caller;
  caller.connected_call();
  caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\n\r\n" + std::string(100, 'x'));
  CHECK_FALSE(caller.end);
  caller.runtime.read(caller.node, "x");
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::too_large);
  CHECK(caller.body.size() == 100);
  CHECK(caller.node.released);
}

TEST_CASE("what is no answer, or no end of one, breaks the call with its reason") {
  using base::Reason;
  const auto [said, reason] = GENERATE(table<std::string, Reason>({
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", Reason::upstream_bad},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Reason::upstream_bad},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Reason::upstream_bad},
      {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Reason::upstream_bad},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x'), Reason::upstream_bad},
      {"", Reason::upstream_closed},
      {"HTTP/1.1 20", Reason::upstream_closed},
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe", Reason::upstream_truncated},
  }));
  Caller caller;
  caller.connected_call();
  if (!said.empty()) caller.runtime.read(caller.node, said);
  if (!caller.end) caller.runtime.read_end(caller.node);
  REQUIRE(caller.end);
  CHECK(caller.end->kind == Kind::broken);
  CHECK(caller.end->error.reason == reason);
  CHECK(caller.node.released);
}

TEST_CASE("a reset breaks the call; a node that takes no more may have answered already") {
  Caller caller;
  caller.connected_call();
  caller.runtime.write_error(caller.node);
  CHECK_FALSE(caller.end);
  SECTION("it has") {
    caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::answered);
  }
  SECTION("it has not") {
    caller.runtime.read_error(caller.node);
    REQUIRE(caller.end);
    CHECK(caller.end->kind == Kind::broken);
    CHECK(caller.end->error.reason == base::Reason::upstream_reset);
  }
}

TEST_CASE("an abandoned call closes its connection and says nothing more") {
  Caller caller;
  caller.call();
  SECTION("while connecting") {
    caller.held.reset();
  }
  SECTION("while it asks") {
    caller.runtime.connected();
    caller.held.reset();
  }
  SECTION("in its own callbacks") {
    caller.abandon_at = GENERATE(Caller::At::head, Caller::At::body);
    caller.runtime.connected();
    caller.runtime.read(caller.node, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(caller.head_status == 200);
  }
  caller.runtime.end_turn();
  caller.runtime.pass(2s);
  CHECK(caller.node.released);
  CHECK_FALSE(caller.end);
}

}  // namespace weir::core
