// Clients that speak HTTP/2 and stop in the middle of it.
#include <algorithm>
#include <chrono>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

const std::string kHello("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
// GET http://a.test/ by its literals; END_STREAM and END_HEADERS.
const std::string kGetBlock(
    "\x82\x86\x84\x41\x06"
    "a.test",
    11);

std::string get_frame(char stream) {
  const std::string head = {0, 0, static_cast<char>(kGetBlock.size()), 1, 5, 0, 0, 0, stream};
  return head + kGetBlock;
}

struct Clock : Bench {
  Clock() : Bench(one_pool({"127.0.0.1:1"})) {
    path.reserve();
    path.accept(io::TransportPtr(&client), listener_counts,
                std::make_shared<Reception>(ListenerTerms{.protocol = config::Protocol::h2}));
    runtime.read(client, kHello);
  }
  PlayedTransport client, node;
};

}  // namespace

TEST_CASE("a request's head over HTTP/2 that does not come whole ends its connection") {
  Clock bench;
  const std::string part = get_frame(5).substr(0, 12);
  SECTION("at the beginning") {
    bench.runtime.read(bench.client, part);
  }
  SECTION("behind others") {
    bench.ask(bench.client, bench.node, get_frame(1));
    bench.runtime.read(bench.node, kOk);
    bench.runtime.read(bench.client, part);
  }
  SECTION("while another one waits for its answer") {
    bench.ask(bench.client, bench.node, get_frame(1));
    bench.runtime.read(bench.client, part);
    bench.runtime.pass(40s);
    CHECK_FALSE(bench.client.write_ended);
    bench.runtime.read(bench.node, kOk);
  }
  bench.runtime.pass(9s);
  CHECK_FALSE(bench.client.write_ended);
  bench.runtime.pass(2s);
  CHECK(bench.client.write_ended);
  bench.runtime.pass(3s);
  CHECK(bench.client.released);
}

TEST_CASE("a client that takes the rest of an answer over HTTP/2 slowly, but steadily, gets it") {
  Clock bench;
  bench.runtime.read(bench.client, std::string("\0\0\6\4\0\0\0\0\0\0\4\0\0\0\12", 15));  // windows of 10
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.runtime.read(bench.node, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'));
  const std::string ten_more("\0\0\4\10\0\0\0\0\1\0\0\0\12", 13);
  for (int i = 0; i < 4; ++i) {
    bench.runtime.pass(20s);  // less than timeouts.body
    bench.runtime.read(bench.client, ten_more);
  }
  CHECK_FALSE(bench.client.released);
  const std::string last = bench.client.take_written();
  CHECK(std::count(last.begin(), last.end(), 'x') >= 50);
}

TEST_CASE("an answer over HTTP/2 of which its client takes nothing more is cut, and the connection goes on") {
  Clock bench;
  bench.runtime.read(bench.client, std::string("\0\0\6\4\0\0\0\0\0\0\4\0\0\0\12", 15));
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.runtime.read(bench.node, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'));
  bench.client.take_written();
  bench.runtime.pass(29s);
  CHECK(bench.client.take_written().empty());
  bench.runtime.pass(2s);
  CHECK(bench.client.take_written() == std::string("\0\0\4\3\0\0\0\0\1\0\0\0\10", 13));  // RST_STREAM
  CHECK_FALSE(bench.client.released);
  bench.runtime.read(bench.client, get_frame(3));
  bench.runtime.read(bench.node, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny");
  CHECK(bench.client.take_written().ends_with('y'));
}

TEST_CASE("a client over HTTP/2 that takes nothing at all any more is let go") {
  Clock bench;
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.client.takes = false;
  bench.runtime.read(bench.node, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + std::string(50, 'x'));
  bench.runtime.pass(29s);
  CHECK_FALSE(bench.client.released);
  bench.runtime.pass(2s);
  CHECK(bench.client.released);
}

}  // namespace weir::core
