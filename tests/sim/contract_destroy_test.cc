// The contract allows a transport to be destroyed inside each of its callbacks; none follows.
#include <algorithm>

#include "tests/sim/contract.h"

namespace weir::contract {

namespace {

// Drops its transport when it hears `event`.
void drop_on(Peer& peer, char event) {
  peer.then = [&peer, event](char heard) {
    REQUIRE(peer.transport != nullptr);
    if (heard == event) peer.transport.reset();
  };
}

template <class Driver>
void expect_dropped(Driver& driver, Peer& peer) {
  driver.until([&] { return peer.transport == nullptr; });
  const std::string events = peer.events;
  driver.settle();
  CHECK(peer.events == events);
}

}  // namespace

WEIR_CONTRACT("destroyed in on_connected") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer peer;
  drop_on(peer, 'c');
  peer.transport = driver.runtime().connect(driver.address(pair.socket), peer);
  peer.write("early");
  expect_dropped(driver, peer);
}

WEIR_CONTRACT("destroyed in on_connect_failed") {
  TestType driver;
  for (const io::Address& address : {driver.refusing(), driver.failing_at_once()}) {
    Peer peer;
    drop_on(peer, 'f');
    peer.transport = driver.runtime().connect(address, peer);
    expect_dropped(driver, peer);
  }
}

WEIR_CONTRACT("destroyed in on_read, with more to read") {
  TestType driver;
  Pair<TestType> pair(driver);
  drop_on(pair.server, 'r');
  pair.client.write(pattern(1'000'000));
  pair.client.transport->shutdown_write();
  expect_dropped(driver, pair.server);
  CHECK(pair.server.events == "r");
}

WEIR_CONTRACT("reset in on_read, with more to read and to write") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.write(pattern(TestType::kLarge));
  pair.server.then = [&](char event) {
    if (event == 'r') pair.server.transport->reset();
  };
  pair.client.write(pattern(1'000'000));
  driver.until([&] { return pair.server.heard('r'); });
  driver.settle();
  CHECK(pair.server.events.back() == 'r');
}

WEIR_CONTRACT("destroyed in on_read_end") {
  TestType driver;
  Pair<TestType> pair(driver);
  drop_on(pair.server, 'e');
  pair.client.transport->shutdown_write();
  expect_dropped(driver, pair.server);
}

WEIR_CONTRACT("destroyed in on_read_error") {
  TestType driver;
  Pair<TestType> pair(driver);
  drop_on(pair.server, 'x');
  pair.server.write(pattern(TestType::kLarge));
  pair.client.transport->reset();
  driver.until([&] { return pair.server.transport == nullptr; });
  driver.settle();
  CHECK(pair.server.events.back() == 'x');
}

WEIR_CONTRACT("destroyed in on_sent, with more pending") {
  TestType driver;
  Pair<TestType> pair(driver);
  drop_on(pair.client, 's');
  pair.client.write(pattern(TestType::kLarge));
  expect_dropped(driver, pair.client);
  CHECK(pair.client.events == "s");
}

WEIR_CONTRACT("destroyed in on_write_error") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.transport->pause();
  pair.server.transport->reset();
  driver.settle();
  drop_on(pair.client, 'w');
  pair.client.write("late");
  expect_dropped(driver, pair.client);
  CHECK(pair.client.events == "w");
}

WEIR_CONTRACT("destroyed in on_write_error of a pending write") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->pause();
  pair.client.transport->pause();
  pair.client.write(pattern(TestType::kLarge));
  REQUIRE(pair.client.transport->pending() > 0);
  drop_on(pair.client, 'w');
  pair.server.transport->reset();
  expect_dropped(driver, pair.client);
  CHECK(pair.client.events.back() == 'w');
}

WEIR_CONTRACT("one destroyed by the other's callback") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer one;
  Peer other;
  pair.join(one, other);
  other.then = [&](char) { pair.server.transport.reset(); };
  pair.server.then = [&](char) { other.transport.reset(); };
  one.write("x");
  pair.client.write("x");
  driver.settle();
  CHECK(other.events.size() + pair.server.events.size() == 1);
}

WEIR_CONTRACT("an accepted transport may be dropped, and its listener too") {
  TestType driver;
  Pair<TestType> pair(driver);
  std::vector<Peer> peers(4);
  for (Peer& peer : peers) peer.transport = driver.runtime().connect(driver.address(pair.socket), peer);
  pair.acceptor.then = [&] {
    pair.acceptor.accepted.clear();
    pair.listener.reset();
  };
  driver.until([&] { return pair.listener == nullptr; });
  driver.settle();
  CHECK(std::count_if(peers.begin(), peers.end(), [](const Peer& peer) { return peer.read_over(); }) == 1);
}

}  // namespace weir::contract
