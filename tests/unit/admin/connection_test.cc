// What a client of the admin port hears before its request is whole: leave to send a body, or that it need
// not.
#include "proxy/admin/connection.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::admin {
namespace {

constexpr std::size_t kMostBody = 64 * 1024;
const std::string kLeave = "HTTP/1.1 100 Continue\r\n\r\n";

// One client, and an owner who serves GET and has no /nope.
struct Rig final : ConnectionOwner {
  Rig() { connection = new Connection(*this, runtime, scratch, io::TransportPtr(&client), 1); }
  ~Rig() {
    connection->close();
    runtime.end_turn();
  }

  std::optional<Answer> refusal(const Request& request) const override {
    if (request.path == "/nope") return error_answer(404, "there is no /nope");
    return std::nullopt;
  }
  void on_request(Connection& from, const Request& request) override {
    bodies.push_back(request.body);
    from.answer({});
  }
  void on_closed(Connection& closed) override {
    runtime.graveyard().retire(std::unique_ptr<Connection>(&closed));
  }

  // What the client hears of this.
  std::string say(std::string_view bytes) {
    runtime.read(client, bytes);
    return client.take_written();
  }
  // All of it then: `status`, an error, the connection's end behind it, and nothing given to the owner.
  void check_refused(const std::string& answer, int status) {
    INFO(answer);
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(status)));
    CHECK(answer.find("HTTP/1.1", 1) == std::string::npos);
    CHECK(answer.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(answer.find("\r\n\r\n{\"error\":") != std::string::npos);
    CHECK(connection->lingering());
    CHECK(client.write_ended);
    CHECK(bodies.empty());
  }

  core::StillRuntime runtime;
  codec::Scratch scratch;
  core::PlayedTransport client;
  Connection* connection;
  std::vector<std::string> bodies;
};

std::string head(const std::string& fields, const std::string& path = "/") {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

std::string chunk(std::size_t size) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%zx\r\n", size);
  return digits + std::string(size, 'x') + "\r\n";
}

}  // namespace

TEST_CASE("a body that is announced as too large is refused before it comes") {
  Rig rig;
  rig.check_refused(rig.say(head("Content-Length: " + std::to_string(kMostBody + 1) + "\r\n")), 413);
  CHECK(rig.say(std::string(kMostBody + 1, 'x')).empty());
}

TEST_CASE("a body that is announced as too large is refused at once when leave is asked for, too") {
  Rig rig;
  rig.check_refused(rig.say(head("Expect: 100-continue\r\nContent-Length: 1000000000000\r\n")), 413);
}

TEST_CASE("a body in chunks is refused as soon as it passes the limit") {
  Rig rig;
  CHECK(rig.say(head("Transfer-Encoding: chunked\r\n")).empty());
  CHECK(rig.say(chunk(kMostBody)).empty());
  rig.check_refused(rig.say("ffffff\r\nx"), 413);
}

TEST_CASE("the largest body is taken") {
  for (const bool chunked : {false, true}) {
    Rig rig;
    const std::string body(kMostBody, 'x');
    rig.say(head(chunked ? "Transfer-Encoding: chunked\r\n"
                         : "Content-Length: " + std::to_string(kMostBody) + "\r\n"));
    CHECK(rig.say(chunked ? chunk(kMostBody) + "0\r\n\r\n" : body).starts_with("HTTP/1.1 200 "));
    CHECK(rig.bodies == std::vector{body});
    CHECK(rig.connection->idle());
  }
}

TEST_CASE("a client that waits for leave to send its body gets it, and then its answer") {
  for (const char* framing : {"Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n"}) {
    Rig rig;
    for (int i = 0; i < 2; ++i) {
      CHECK(rig.say(head("Expect: 100-Continue\r\n" + std::string(framing))) == kLeave);
      CHECK(rig.say(framing[0] == 'C' ? "abc" : "3\r\nabc\r\n0\r\n\r\n").starts_with("HTTP/1.1 200 "));
    }
    CHECK(rig.bodies == std::vector<std::string>{"abc", "abc"});
  }
}

TEST_CASE("no leave is given where there is nothing to send, or nobody who would understand it") {
  Rig rig;
  CHECK(rig.say(head("Expect: 100-continue\r\n")).starts_with("HTTP/1.1 200 "));
  CHECK(rig.say("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").empty());
}

TEST_CASE("who waits for leave and is refused whatever the body says gets that answer in its place") {
  Rig rig;
  rig.check_refused(rig.say(head("Expect: 100-continue\r\nContent-Length: 3\r\n", "/nope")), 404);
  CHECK(rig.say("abc").empty());
}

TEST_CASE("another expectation is refused") {
  Rig rig;
  rig.check_refused(rig.say(head("Expect: the-unexpected\r\nContent-Length: 3\r\n")), 417);
}

TEST_CASE("CONNECT is a method that is not allowed") {
  Rig rig;
  const std::string answer = rig.say("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n");
  rig.check_refused(answer, 405);
  CHECK(answer.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
  CHECK(answer.find("GET, HEAD") != std::string::npos);
}

}  // namespace weir::admin
