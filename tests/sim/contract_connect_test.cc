// What the contract says of connecting, accepting and looking up.
#include "tests/sim/contract.h"

namespace weir::contract {

WEIR_CONTRACT("a refused connect fails later") {
  TestType driver;
  Peer peer;
  peer.transport = driver.runtime().connect(driver.refusing(), peer);
  CHECK(peer.events.empty());
  driver.until([&] { return peer.heard('f'); });
  CHECK(peer.error.reason == base::Reason::connect_refused);
  CHECK(peer.error.retry == base::Retry::not_processed);
  CHECK_FALSE(peer.error.detail.empty());
  driver.settle();
  CHECK(peer.events == "f");
}

WEIR_CONTRACT("a connect that fails at once tells so in a later callback") {
  TestType driver;
  Peer peer;
  bool inside = true;
  peer.then = [&](char) { CHECK_FALSE(inside); };
  peer.transport = driver.runtime().connect(driver.failing_at_once(), peer);
  CHECK(peer.write("dropped") == 0);
  inside = false;
  driver.until([&] { return peer.heard('f'); });
  CHECK(peer.error.reason == base::Reason::connect_refused);
  CHECK(peer.transport->pending() == 0);
  CHECK(peer.write("dropped") == 0);
  driver.settle();
  CHECK(peer.events == "f");
}

WEIR_CONTRACT("a failed connect may be followed by another from its callback") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer peer;
  const io::Address bad = driver.failing_at_once();
  const io::Address worse = driver.refusing();
  const io::Address good = driver.address(pair.socket);
  std::vector<io::Address> next = {good, worse, bad};
  std::string outcomes;
  const auto connect_next = [&] {
    const io::Address to = next.back();
    next.pop_back();
    peer.events.clear();
    peer.transport = driver.runtime().connect(to, peer);
  };
  peer.then = [&](char event) {
    outcomes += event;
    if (event == 'f') connect_next();
  };
  connect_next();
  driver.until([&] { return peer.heard('c'); });
  CHECK(outcomes == "ffc");
}

WEIR_CONTRACT("a black hole is silent, and leaving it as well") {
  TestType driver;
  Peer peer;
  peer.transport = driver.runtime().connect(driver.black_hole(), peer);
  driver.settle();
  CHECK(peer.events.empty());
  peer.transport.reset();
  driver.settle();
  CHECK(peer.events.empty());
}

WEIR_CONTRACT("nobody is called once a connecting transport is gone") {
  TestType driver;
  Peer refused;
  Peer failing;
  refused.transport = driver.runtime().connect(driver.refusing(), refused);
  refused.transport.reset();
  failing.transport = driver.runtime().connect(driver.failing_at_once(), failing);
  failing.transport->reset();
  driver.settle();
  CHECK(refused.events.empty());
  CHECK(failing.events.empty());
}

WEIR_CONTRACT("a paused listener leaves connections waiting") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.listener->pause();
  pair.listener->pause();
  Peer peer;
  peer.transport = driver.runtime().connect(driver.address(pair.socket), peer);
  driver.until([&] { return peer.heard('c'); });
  driver.settle();
  CHECK(pair.acceptor.accepted.empty());
  CHECK_FALSE(peer.read_over());
  pair.listener->resume();
  pair.listener->resume();
  driver.until([&] { return pair.acceptor.accepted.size() == 1; });
}

WEIR_CONTRACT("pausing while accepting leaves the rest waiting") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.acceptor.then = [&] { pair.listener->pause(); };
  std::vector<Peer> peers(5);
  for (Peer& peer : peers) peer.transport = driver.runtime().connect(driver.address(pair.socket), peer);
  driver.settle();
  CHECK(pair.acceptor.accepted.size() == 1);
  pair.acceptor.then = [] {};
  pair.listener->resume();
  driver.until([&] { return pair.acceptor.accepted.size() == 5; });
}

WEIR_CONTRACT("many connections are all accepted") {
  TestType driver;
  Pair<TestType> pair(driver);
  std::vector<Peer> peers(150);
  for (Peer& peer : peers) peer.transport = driver.runtime().connect(driver.address(pair.socket), peer);
  driver.until([&] { return pair.acceptor.accepted.size() == peers.size(); });
}

WEIR_CONTRACT("another listener takes over a socket") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.listener.reset();
  Peer peer;
  peer.transport = driver.runtime().connect(driver.address(pair.socket), peer);
  driver.settle();
  Acceptor heir;
  pair.listener = driver.runtime().listen(pair.socket, heir);
  driver.until([&] { return heir.accepted.size() == 1; });
  CHECK(pair.acceptor.accepted.empty());
}

WEIR_CONTRACT("an unknown name is an error, told later") {
  TestType driver;
  std::string error;
  driver.runtime().resolve(std::string(300, 'a'), [&](base::Result<std::vector<io::Ip>, std::string> found) {
    REQUIRE_FALSE(found);
    error = found.error();
  });
  CHECK(error.empty());
  driver.until([&] { return !error.empty(); });
}

}  // namespace weir::contract
