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

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(value >> shift & 0xff));
  return bytes;
}

std::string window_update(std::uint32_t stream, std::uint32_t bytes) {
  return std::string("\0\0\4\10\0", 5) + number(stream) + number(bytes);
}

const std::string kReset3("\0\0\4\3\0\0\0\0\3", 9);
const std::string kLongAnswer =
    "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + std::string(100'000, 'x');

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
    bench.runtime.pass(40s);
    bench.runtime.read(bench.client, part);
  }
  bench.runtime.pass(9s);
  CHECK_FALSE(bench.client.write_ended);
  bench.runtime.pass(2s);
  CHECK(bench.client.write_ended);
  bench.runtime.pass(3s);
  CHECK(bench.client.released);
}

TEST_CASE("the time of a head over HTTP/2 goes on as other streams come to their ends") {
  Clock bench;
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.runtime.pass(40s);
  bench.runtime.read(bench.client, get_frame(3).substr(0, 12));
  bench.runtime.pass(8s);
  bench.runtime.read(bench.node, kOk);
  bench.runtime.pass(1s);
  CHECK_FALSE(bench.client.write_ended);
  bench.runtime.pass(1100ms);
  CHECK(bench.client.write_ended);
  bench.runtime.pass(3s);
  CHECK(bench.client.released);
}

TEST_CASE("heads over HTTP/2 that come to their ends in time end nothing, however long the others take") {
  Clock bench;
  bench.ask(bench.client, bench.node, get_frame(1));
  const std::string frame = get_frame(3);
  bench.runtime.read(bench.client, frame.substr(0, 12));
  bench.runtime.pass(8s);
  PlayedTransport second;
  bench.runtime.next = {&second};
  bench.runtime.read(bench.client, frame.substr(12));
  bench.runtime.connected();
  bench.runtime.pass(20s);
  CHECK_FALSE(bench.client.write_ended);
  bench.runtime.read(bench.node, kOk);
  bench.runtime.pass(20s);
  CHECK_FALSE(bench.client.write_ended);
}

TEST_CASE("a head over HTTP/2 that is not whole is held memory") {
  Clock bench;
  const std::string field = std::string("\0\1x\x7f\x81\x4d", 6) + std::string(10'000, 'v');  // never indexed
  const std::string frame = std::string("\0\x27\x21\1\0\0\0\0\1", 9) + kGetBlock + field;
  bench.runtime.read(bench.client, frame);
  bench.counts.overload = 3;
  CHECK(bench.path.relieve(1));
  bench.runtime.end_turn();
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

TEST_CASE("an answer over HTTP/2 that waits for another one of its connection is not refused by its client") {
  Clock bench;
  PlayedTransport other;
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.ask(bench.client, other, get_frame(3));
  bench.runtime.read(bench.node, kLongAnswer);
  bench.runtime.read(other, kLongAnswer);
  for (int i = 0; i < 30; ++i) {
    bench.runtime.pass(5s);
    bench.runtime.read(bench.client, window_update(0, 500) + window_update(1, 500));
  }
  CHECK(bench.client.take_written().find(kReset3) == std::string::npos);
  const std::string ping("\0\0\10\6\0\0\0\0\0pingpong", 17);
  for (int i = 0; i < 12; ++i) {  // which it answers
    bench.runtime.pass(5s);
    bench.runtime.read(bench.client, ping);
  }
  CHECK(bench.client.take_written().find(kReset3) != std::string::npos);
}

TEST_CASE("an answer over HTTP/2 whose own window stays closed is cut, whatever else its client takes") {
  Clock bench;
  PlayedTransport other;
  bench.runtime.read(bench.client, window_update(0, 1'000'000));
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.ask(bench.client, other, get_frame(3));
  bench.runtime.read(bench.node, kLongAnswer);
  bench.runtime.read(other, kLongAnswer);
  const auto go_on = [&bench](int seconds) {
    for (int i = 0; i < seconds; i += 5) {
      bench.runtime.pass(5s);
      bench.runtime.read(bench.client, window_update(1, 500));
    }
  };
  go_on(25);
  CHECK(bench.client.take_written().find(kReset3) == std::string::npos);
  go_on(25);
  CHECK(bench.client.take_written().find(kReset3) != std::string::npos);
  CHECK_FALSE(bench.node.released);
}

TEST_CASE(
    "an answer over HTTP/2 gets its share of what its client takes, however slow that is for one alone") {
  Clock bench;
  PlayedTransport other;
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.ask(bench.client, other, get_frame(3));
  bench.runtime.read(bench.node, kLongAnswer);
  bench.runtime.read(other, kLongAnswer);
  for (int i = 0; i < 20; ++i) {  // 150 bytes a second, one byte of them the other's
    bench.runtime.pass(5s);
    bench.runtime.read(bench.client, window_update(3, 100) + window_update(0, 750) + window_update(1, 745));
  }
  CHECK(bench.client.take_written().find(kReset3) == std::string::npos);
}

TEST_CASE("a client that stops for less than timeouts.body is not cut, whenever it was looked at") {
  Clock bench;
  bench.runtime.read(bench.client, window_update(0, 1'000'000) + window_update(0, 1'000'000));
  bench.ask(bench.client, bench.node, get_frame(1));
  bench.client.in_kernel = 60'000;
  bench.runtime.read(bench.node, kLongAnswer);
  bench.runtime.read(bench.client, window_update(1, 20'000));
  bench.client.takes = false;
  bench.runtime.read(bench.client, window_update(1, 100'000));
  bench.runtime.pass(12s);
  bench.client.in_kernel = 30'000;  // it has taken that until now, and stops
  for (int i = 0; i < 5; ++i) {
    bench.runtime.pass(5s);
    CHECK_FALSE(bench.client.released);
    CHECK(bench.client.take_written().find(std::string("\0\0\4\3\0\0\0\0\1", 9)) == std::string::npos);
  }
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
