// What the contract says of connections that end: FIN, RST, close, in every order.
#include <algorithm>

#include "tests/sim/contract.h"

namespace weir::contract {

WEIR_CONTRACT("EOF ends one direction: writing goes on") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.write("question");
  pair.client.transport->shutdown_write();
  driver.until([&] { return pair.server.heard('e'); });
  CHECK(pair.server.received == "question");
  pair.server.write("answer");
  driver.until([&] { return pair.client.received == "answer"; });
  pair.server.transport->shutdown_write();
  driver.until([&] { return pair.client.heard('e'); });
  CHECK_FALSE(pair.server.heard('w'));
}

WEIR_CONTRACT("half-close by the accepted side") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->shutdown_write();
  driver.until([&] { return pair.client.heard('e'); });
  pair.client.write("still");
  driver.until([&] { return pair.server.received == "still"; });
  CHECK_FALSE(pair.server.read_over());
}

WEIR_CONTRACT("FIN comes after what is pending") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(TestType::kLarge);
  pair.server.transport->pause();
  pair.client.write(bytes);
  REQUIRE(pair.client.transport->pending() > 0);
  pair.client.transport->shutdown_write();
  pair.client.transport->shutdown_write();
  CHECK(pair.client.write("too late") == 0);
  pair.server.transport->resume();
  driver.until([&] { return pair.server.heard('e'); });
  CHECK(pair.server.received == bytes);
}

WEIR_CONTRACT("close delivers what the kernel took, then EOF") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.write("bye");
  driver.until([&] { return pair.client.transport->pending() == 0; });
  pair.client.transport.reset();
  driver.until([&] { return pair.server.read_over(); });
  CHECK(pair.server.received == "bye");
  CHECK(pair.server.heard('e'));
}

WEIR_CONTRACT("close with a pending write: a prefix arrives, and nobody is called again") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(TestType::kLarge);
  pair.server.transport->pause();
  pair.client.write(bytes);
  REQUIRE(pair.client.transport->pending() > 0);
  pair.client.transport.reset();
  pair.server.transport->resume();
  driver.until([&] { return pair.server.read_over(); });
  CHECK(pair.server.received.size() < bytes.size());
  CHECK(is_prefix(pair.server.received, bytes));
  CHECK(pair.client.events.empty());
}

WEIR_CONTRACT("RST is an error for the reader, and no EOF") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.transport->reset();
  driver.until([&] { return pair.server.read_over(); });
  CHECK(pair.server.events == "x");
  CHECK(pair.server.error.reason == base::Reason::internal);
  CHECK_FALSE(pair.server.error.detail.empty());
  CHECK(pair.client.events.empty());
}

WEIR_CONTRACT("RST that comes together with bytes is an error, after the bytes") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.write("cut");
  pair.client.transport->reset();
  driver.until([&] { return pair.server.read_over(); });
  CHECK(pair.server.heard('x'));
  CHECK(is_prefix(pair.server.received, "cut"));
}

WEIR_CONTRACT("RST behind a FIN is told to who writes nothing, too") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.transport->shutdown_write();
  driver.until([&] { return pair.server.heard('e'); });
  pair.client.transport->reset();
  driver.until([&] { return pair.server.heard('w'); });
  CHECK(pair.server.events == "ew");
  CHECK(pair.server.write("x") == 0);
  driver.settle();
  CHECK(pair.server.events == "ew");
}

WEIR_CONTRACT("RST discards what was not sent") {
  TestType driver;
  Pair<TestType> pair(driver);
  const std::string bytes = pattern(TestType::kLarge);
  pair.server.transport->pause();
  pair.client.write(bytes);
  pair.client.transport->reset();
  CHECK(pair.client.transport->pending() == 0);
  driver.settle();
  CHECK(pair.server.events.empty());
  pair.server.transport->resume();
  driver.until([&] { return pair.server.read_over(); });
  CHECK(pair.server.heard('x'));
  CHECK(pair.server.received.size() < bytes.size());
  CHECK(is_prefix(pair.server.received, bytes));
  driver.settle();
  CHECK(pair.client.events.empty());
}

WEIR_CONTRACT("a transport that was reset takes any call, and does nothing") {
  TestType driver;
  Pair<TestType> pair(driver);
  io::Transport& transport = *pair.client.transport;
  transport.reset();
  CHECK(pair.client.write("x") == 0);
  transport.pause();
  transport.resume();
  transport.shutdown_write();
  transport.reset();
  transport.set_handler(pair.client);
  CHECK(transport.pending() == 0);
  driver.settle();
  CHECK(transport.pending() == 0);
  CHECK(pair.client.events.empty());
}

// The peer answers and closes without having read all: an early 413.
WEIR_CONTRACT("a failed write leaves the answer readable") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.transport->pause();
  pair.server.write("413");
  driver.until([&] { return pair.server.transport->pending() == 0; });
  pair.server.transport->shutdown_write();
  driver.settle();
  pair.server.transport.reset();
  bool inside = false;
  pair.client.then = [&](char) { REQUIRE_FALSE(inside); };
  for (int writes = 0; !pair.client.heard('w'); ++writes) {
    REQUIRE(writes < 10);
    inside = true;
    pair.client.write("body");
    inside = false;
    driver.settle();
  }
  CHECK(pair.client.events ==
        std::string(std::count(pair.client.events.begin(), pair.client.events.end(), 's'), 's') + "w");
  CHECK(pair.client.write("more") == 0);
  CHECK(pair.client.transport->pending() == 0);
  pair.client.transport->resume();
  driver.until([&] { return pair.client.read_over(); });
  CHECK(pair.client.received == "413");
  CHECK(pair.client.heard('e'));
}

WEIR_CONTRACT("a write that meets the RST first does not turn it into EOF") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.transport->pause();
  pair.server.write("half an ans");
  driver.until([&] { return pair.server.transport->pending() == 0; });
  driver.settle();
  pair.server.transport->reset();
  driver.settle();
  pair.client.write("body");
  driver.until([&] { return pair.client.heard('w'); });
  pair.client.transport->resume();
  driver.until([&] { return pair.client.read_over(); });
  CHECK(pair.client.received == "half an ans");
  CHECK(pair.client.heard('x'));
}

WEIR_CONTRACT("a pending write fails when the peer goes, once") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->pause();
  pair.client.write(pattern(TestType::kLarge));
  REQUIRE(pair.client.transport->pending() > 0);
  pair.server.transport->reset();
  driver.until([&] { return pair.client.heard('w') && pair.client.heard('x'); });
  CHECK(pair.client.transport->pending() == 0);
  driver.settle();
}

WEIR_CONTRACT("RST while paused is seen on resume") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->pause();
  pair.client.transport->reset();
  driver.settle();
  CHECK_FALSE(pair.server.heard('e'));
  pair.server.transport->resume();
  driver.until([&] { return pair.server.read_over(); });
  CHECK(pair.server.events == "x");
}

WEIR_CONTRACT("closing with unread bytes resets the peer") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.server.transport->pause();
  pair.client.write("unread");
  driver.until([&] { return pair.client.transport->pending() == 0; });
  driver.settle();
  pair.server.transport.reset();
  driver.until([&] { return pair.client.read_over(); });
  CHECK(pair.client.heard('x'));
}

WEIR_CONTRACT("quiet means that nothing has come which was not heard") {
  TestType driver;
  Pair<TestType> pair(driver);
  CHECK(pair.client.transport->quiet());
  pair.client.transport->pause();
  pair.server.write("x");
  driver.settle();
  CHECK_FALSE(pair.client.transport->quiet());
  CHECK(pair.client.events.empty());
  pair.client.transport->resume();
  driver.until([&] { return pair.client.received == "x"; });
  CHECK(pair.client.transport->quiet());
  pair.client.transport->pause();
  pair.server.transport->shutdown_write();
  driver.settle();
  CHECK_FALSE(pair.client.transport->quiet());
  pair.client.transport->resume();
  driver.until([&] { return pair.client.heard('e'); });
  CHECK_FALSE(pair.client.transport->quiet());
}

WEIR_CONTRACT("asking whether it is quiet hides no RST") {
  TestType driver;
  Pair<TestType> pair(driver);
  pair.client.transport->pause();
  pair.server.transport->reset();
  driver.settle();
  CHECK_FALSE(pair.client.transport->quiet());
  pair.client.transport->resume();
  driver.until([&] { return pair.client.read_over(); });
  CHECK(pair.client.heard('x'));
}

}  // namespace weir::contract
