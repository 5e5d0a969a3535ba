// What the contract says of bytes that flow.
#include "tests/sim/contract.h"

namespace weir::contract {

WEIR_CONTRACT("bytes go both ways, pieces in their order") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::vector<std::string_view> pieces = {"GET ", "", "/ ", "HTTP/1.1\r\n"};
  CHECK(pair.client.transport->write(pieces) + pair.client.transport->pending() == 16);
  pair.server.write("hello");
  driver.until([&] { return pair.server.received.size() == 16 && pair.client.received.size() == 5; });
  CHECK(pair.server.received == "GET / HTTP/1.1\r\n");
  CHECK(pair.client.received == "hello");
}

WEIR_CONTRACT("more pieces than the kernel takes in one call") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(5000);
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < bytes.size(); i += 2) pieces.emplace_back(&bytes[i], 2);
  const std::size_t sent = pair.client.transport->write(pieces);
  CHECK(sent + pair.client.transport->pending() == bytes.size());
  if (std::is_same_v<TestType, EpollDriver>) CHECK(sent == bytes.size());
  driver.until([&] { return pair.server.received.size() == bytes.size(); });
  CHECK(pair.server.received == bytes);
}

WEIR_CONTRACT("a write that is taken partly goes on in the middle of a piece") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(TestType::kLarge);
  std::vector<std::string_view> pieces;
  for (std::size_t i = 0; i < bytes.size(); i += 9'999)
    pieces.push_back(std::string_view(bytes).substr(i, 9'999));
  const std::size_t sent = pair.client.transport->write(pieces);
  CHECK(sent < bytes.size());
  CHECK(sent + pair.client.transport->pending() == bytes.size());
  pair.client.transport->shutdown_write();
  driver.until([&] { return pair.server.heard('e'); });
  CHECK(pair.server.received.size() == bytes.size());
  CHECK((pair.server.received == bytes));
}

WEIR_CONTRACT("the peers know each other") {
  TestType driver;
  Pair<TestType> pair(driver);
  CHECK(pair.client.transport->peer() == driver.address(pair.socket).ip);
  CHECK(pair.client.transport->peer_port() == driver.address(pair.socket).port);
  CHECK(pair.server.transport->peer() == driver.address(pair.socket).ip);
  CHECK(pair.server.transport->peer_port() != 0);
}

WEIR_CONTRACT("what the kernel does not take is pending, and on_sent tells of every byte once") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->pause();
  const std::string bytes = pattern(TestType::kLarge);
  std::size_t taken = 0;
  std::size_t offered = 0;
  while (pair.client.transport->pending() == 0) {  // partly
    const std::string_view part = std::string_view(bytes).substr(offered, TestType::kLarge / 3);
    offered += part.size();
    taken += pair.client.write(part);
    REQUIRE(offered <= bytes.size());
  }
  CHECK(pair.client.transport->pending() == offered - taken);
  CHECK(pair.client.write("zero") == 0);  // not at all: it queues behind
  const std::size_t pending = pair.client.transport->pending();
  CHECK(pending == offered - taken + 4);
  pair.client.then = [&](char) { CHECK(pair.client.sent + pair.client.transport->pending() == pending); };
  driver.settle();
  CHECK(pair.server.received.empty());
  pair.server.transport->resume();
  driver.until([&] { return pair.server.received.size() == offered + 4 && pair.client.sent == pending; });
  CHECK(pair.client.transport->pending() == 0);
  CHECK(pair.server.received == bytes.substr(0, offered) + "zero");
  pair.client.then = [](char) {};
  CHECK(pair.client.write("more") + pair.client.transport->pending() == 4);
  driver.until([&] { return pair.server.received.size() == offered + 8; });
}

// Reads that pause at once, resumed by a task of a later turn.
template <class Driver>
struct SlowReader {
  explicit SlowReader(Driver& world, Peer& peer) : driver(world), reader(peer) {
    peer.then = [this](char event) {
      if (event != 'r') return;
      REQUIRE_FALSE(paused);
      paused = true;
      reader.transport->pause();
      reader.transport->pause();
      driver.runtime().post([this] {
        paused = false;
        reader.transport->resume();
        reader.transport->resume();
      });
    };
  }
  Driver& driver;
  Peer& reader;
  bool paused = false;
};

WEIR_CONTRACT("a slow reader gets a large transfer whole, and loses nothing by pausing") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(TestType::kLarge);
  SlowReader<TestType> slow(driver, pair.server);
  pair.client.write(bytes);
  pair.client.transport->shutdown_write();
  driver.until([&] { return pair.server.heard('e'); });
  CHECK(pair.server.received.size() == bytes.size());
  CHECK(pair.server.received == bytes);
  CHECK(pair.client.transport->pending() == 0);
}

WEIR_CONTRACT("two large transfers cross") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(TestType::kLarge);
  for (Peer* peer : {&pair.client, &pair.server}) {
    peer->write(bytes);
    peer->transport->shutdown_write();
  }
  driver.until([&] { return pair.server.read_over() && pair.client.read_over(); });
  CHECK((pair.server.received == bytes && pair.client.received == bytes));
}

WEIR_CONTRACT("a paused reader hears nothing, and everything once it resumes") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->pause();
  pair.client.write("abc");
  pair.client.transport->shutdown_write();
  driver.settle();
  CHECK(pair.server.events.empty());
  pair.server.transport->resume();
  driver.until([&] { return pair.server.heard('e'); });
  CHECK(pair.server.received == "abc");
}

WEIR_CONTRACT("pausing inside on_read holds") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.then = [&](char) { pair.server.transport->pause(); };
  pair.client.write(pattern(200'000));
  driver.until([&] { return pair.server.heard('r'); });
  driver.settle();
  CHECK(pair.server.events == "r");
}

WEIR_CONTRACT("reading begins when the handler is set, with what came before") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer late;
  Peer early;
  early.transport = driver.runtime().connect(driver.address(pair.socket), early);
  early.then = [&](char event) {
    if (event == 'c') early.write("first");
  };
  driver.until([&] { return !pair.acceptor.accepted.empty() && early.heard('c'); });
  driver.settle();
  late.transport = std::move(pair.acceptor.accepted.front());
  CHECK(late.transport->write(std::vector<std::string_view>{"unheard"}) + late.transport->pending() == 7);
  late.transport->set_handler(late);
  driver.until([&] { return late.received == "first" && early.received == "unheard"; });
}

WEIR_CONTRACT("another handler hears what comes after it was set") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer heir;
  pair.client.write("one");
  driver.until([&] { return pair.server.received == "one"; });
  pair.server.transport->set_handler(heir);
  pair.client.write("two");
  driver.until([&] { return heir.received == "two"; });
  CHECK(pair.server.received == "one");
}

WEIR_CONTRACT("bytes written before the connection stands are sent then") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer hasty;
  Peer other;
  hasty.transport = driver.runtime().connect(driver.address(pair.socket), hasty);
  CHECK(hasty.write("early") == 0);
  CHECK(hasty.transport->pending() == 5);
  hasty.transport->shutdown_write();
  driver.until([&] { return !pair.acceptor.accepted.empty(); });
  other.transport = std::move(pair.acceptor.accepted.front());
  other.transport->set_handler(other);
  driver.until([&] { return other.heard('e') && hasty.sent == 5; });
  CHECK(other.received == "early");
  CHECK(hasty.events.front() == 'c');
}

}  // namespace weir::contract
