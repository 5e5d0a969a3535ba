// Connections that begin with a header of the PROXY protocol, on a loop that stands still.
#include "proxy/core/introduction.h"

#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

using namespace weir;
using namespace weir::core;
using namespace std::chrono_literals;

namespace {

const std::string kHeaderLine = "PROXY TCP4 192.0.2.7 198.51.100.1 4321 80\r\n";

// They outlive the path.
struct Players {
  PlayedTransport client, node;
};

struct ArrivalBench : Players, Bench {
  ArrivalBench() : Bench(trusting()) {
    reception->use({.protocol = config::Protocol::h1, .proxy_protocol = config::ProxyProtocol::any});
    client.ip = io::Ip::parse("10.0.0.1").value();
  }
  static config::Config trusting() {
    config::Config config = one_pool({"127.0.0.1:1"});
    config.trusted_proxies = {io::IpPrefix::parse("10.0.0.0/8").value()};
    config.timeouts.header = 10s;
    return config;
  }
  std::uint64_t failures(observe::ProxyHeaderFailure why) { return listener.proxy_headers.get(why); }
  std::uint64_t reading() { return listener.clients_in(observe::ClientState::reading).get(); }
};

}  // namespace

TEST_CASE("a request behind the header is the named client's, and counts once") {
  ArrivalBench bench;
  bench.accept(bench.client);
  CHECK(bench.reading() == 1);
  bench.runtime.next = {&bench.node};
  bench.runtime.read(bench.client, kHeaderLine.substr(0, 10));
  bench.runtime.read(bench.client, kHeaderLine.substr(10) + kGet);
  bench.runtime.connected();
  CHECK(bench.node.take_written().find("X-Forwarded-For: 192.0.2.7\r\n") != std::string::npos);
  CHECK(bench.listener.accepted.get() == 1);
  CHECK(bench.listener.closed.get() == 0);
  CHECK(bench.counts.client_connections == 1);
  CHECK(bench.listener.received_bytes.get() == kHeaderLine.size() + kGet.size());
  bench.runtime.read(bench.node, kOk);
  CHECK(bench.client.take_written().ends_with("ok"));
  bench.runtime.read_end(bench.client);
  CHECK(bench.client.released);
  CHECK(bench.listener.closed.get() == 1);
  CHECK(bench.counts.client_connections == 0);
  CHECK(bench.path.drained());
}

TEST_CASE("a header is neither asked nor taken of a stranger") {
  ArrivalBench bench;
  bench.client.ip = io::Ip::parse("192.0.2.1").value();
  bench.accept(bench.client);
  bench.runtime.read(bench.client, kHeaderLine + kGet);
  CHECK(bench.client.take_written().starts_with("HTTP/1.1 400 "));
}

TEST_CASE("a connection without its header is closed, and counted by what was wrong") {
  using Failure = observe::ProxyHeaderFailure;
  for (const auto& [text, why] :
       {std::pair(kGet, Failure::missing), {"PROXY nothing\r\n", Failure::malformed}}) {
    ArrivalBench bench;
    bench.accept(bench.client);
    bench.runtime.read(bench.client, text);
    CHECK(bench.client.released);
    CHECK(bench.client.written.empty());
    CHECK(bench.failures(why) == 1);
    CHECK(bench.reading() == 0);
    CHECK(bench.counts.client_connections == 0);
  }
  ArrivalBench late;
  late.accept(late.client);
  late.runtime.read(late.client, kHeaderLine.substr(0, 10));
  late.runtime.pass(9s);
  CHECK_FALSE(late.client.released);
  late.runtime.pass(1100ms);
  CHECK(late.client.released);
  CHECK(late.failures(Failure::timeout) == 1);
}

TEST_CASE("an end before the header is no failure, and one inside it is") {
  ArrivalBench bench;
  bench.accept(bench.client);
  bench.runtime.read_end(bench.client);
  CHECK(bench.client.released);
  CHECK(bench.failures(observe::ProxyHeaderFailure::malformed) == 0);
  PlayedTransport other;
  other.ip = bench.client.ip;
  bench.accept(other);
  bench.runtime.read(other, "PROXY");
  bench.runtime.read_error(other);
  CHECK(other.released);
  CHECK(bench.failures(observe::ProxyHeaderFailure::malformed) == 1);
}

TEST_CASE("a drain gives an introduction no more time than the idle, and what comes of it ends as they do") {
  ArrivalBench bench;
  bench.accept(bench.client);
  bench.path.drain(*bench.listener_counts, 1s);
  bench.runtime.next = {&bench.node};
  bench.runtime.read(bench.client, kHeaderLine + kGet);
  bench.runtime.connected();
  bench.runtime.read(bench.node, kOk);
  CHECK(bench.client.take_written().find("Connection: close\r\n") != std::string::npos);
  PlayedTransport silent;
  silent.ip = bench.client.ip;
  bench.accept(silent);
  bench.path.drain(*bench.listener_counts, 1s);
  bench.runtime.pass(1100ms);
  CHECK(silent.released);
}
