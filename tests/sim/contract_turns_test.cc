// What the contract says of turns: when touched items are flushed, tasks run, graves are cleared, timers fire
// and mail is delivered.
#include <algorithm>
#include <utility>

#include "tests/sim/contract.h"

namespace weir::contract {

namespace {

// Writes to the log when it is destroyed.
struct Mortal {
  std::string& log;
  ~Mortal() { log += "grave "; }
};

template <class Driver>
void run_task(Driver& driver, const std::function<void()>& task) {
  bool ran = false;
  driver.runtime().post([&] {
    task();
    ran = true;
  });
  driver.until([&] { return ran; });
}

}  // namespace

WEIR_CONTRACT("lent bytes hold until the flush after the callback, and no longer than the next read") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer other_client;
  Peer other_server;
  pair.join(other_client, other_server);
  struct Borrower : io::TransportHandler, io::Flushable {
    io::Runtime& runtime;
    std::string_view lent;
    std::string kept;
    explicit Borrower(io::Runtime& r) : runtime(r) {}
    void on_read(std::string_view bytes) override {
      CHECK(lent.empty());
      lent = bytes;
      runtime.touch(*this);
      runtime.touch(*this);
    }
    void flush() override { kept.append(std::exchange(lent, {})); }
    void on_read_end() override {}
    void on_read_error(const base::Error&) override {}
    void on_sent(std::size_t) override {}
    void on_write_error(const base::Error&) override {}
  };
  Borrower one(driver.runtime());
  Borrower other(driver.runtime());
  pair.server.transport->set_handler(one);
  other_server.transport->set_handler(other);
  const std::string bytes = pattern(300'000);
  const std::string more = bytes + "more";
  pair.client.write(bytes);
  other_client.write(more);
  driver.until([&] { return one.kept.size() == bytes.size() && other.kept.size() == more.size(); });
  CHECK((one.kept == bytes && other.kept == more));
}

WEIR_CONTRACT("touched items are flushed after each callback, tasks run when all are done") {
  TestType driver;
  Pair<TestType> pair(driver);
  Peer other_client;
  Peer other_server;
  pair.join(other_client, other_server);
  std::string log;
  Item item([&] { log += "flush "; });
  Task last([&] { log += "last "; });
  Task task([&] {
    log += "task ";
    driver.runtime().touch(item);
    driver.runtime().defer(last);
  });
  for (Peer* peer : {&pair.server, &other_server}) {
    peer->then = [&](char) {
      log += "read ";
      driver.runtime().touch(item);
      driver.runtime().defer(task);
      driver.runtime().defer(task);
    };
  }
  run_task(driver, [&] {
    pair.client.write("1");
    other_client.write("2");
  });
  driver.until([&] { return pair.server.heard('r') && other_server.heard('r'); });
  driver.settle();
  if (TestType::kInstantNetwork) {
    CHECK(log == "read flush read flush task flush last ");
  } else {
    const std::string once = "read flush task flush last ";
    CHECK((log == once + once || log == "read flush read flush task flush last "));
  }
}

WEIR_CONTRACT("what a flush touches is flushed before the next callback") {
  TestType driver;
  std::string log;
  Item second([&] { log += "second "; });
  Item first([&] {
    log += "first ";
    driver.runtime().touch(second);
  });
  Item third([&] { log += "third "; });
  driver.runtime().post([&] {
    driver.runtime().touch(first);
    driver.runtime().touch(third);
  });
  driver.runtime().post([&] { log += "next "; });
  driver.until([&] { return log.find("next") != std::string::npos; });
  CHECK(log == "first third second next ");
}

WEIR_CONTRACT("the graveyard is emptied after the tasks of the turn") {
  TestType driver;
  Pair<TestType> pair(driver);
  std::string log;
  Task last([&] { log += "last "; });
  Task task([&] {
    log += "task ";
    driver.runtime().defer(last);
  });
  pair.server.then = [&](char) {
    driver.runtime().graveyard().retire(std::make_unique<Mortal>(log));
    driver.runtime().defer(task);
    log += "read ";
  };
  pair.client.write("x");
  driver.until([&] { return pair.server.heard('r'); });
  driver.settle();
  CHECK(log == "read task last grave ");
}

WEIR_CONTRACT("end of stream is delivered before the tasks of its poll") {
  if (!TestType::kInstantNetwork) return;
  TestType driver;
  Pair<TestType> pair(driver);
  Peer other_client;
  Peer other_server;
  pair.join(other_client, other_server);
  std::string log;
  Task task([&] { log += "task "; });
  pair.server.then = [&](char) { driver.runtime().defer(task); };
  other_server.then = [&](char event) { log += event; };
  run_task(driver, [&] {
    pair.client.write("1");
    other_client.transport->shutdown_write();
  });
  driver.until([&] { return !log.empty(); });
  driver.settle();
  CHECK(log == "etask ");
}

WEIR_CONTRACT("a task that was destroyed does not run") {
  TestType driver;
  bool ran = false;
  run_task(driver, [&] {
    Task task([&] { ran = true; });
    Item item([&] { ran = true; });
    driver.runtime().defer(task);
    driver.runtime().touch(item);
  });
  driver.settle();
  CHECK_FALSE(ran);
}

WEIR_CONTRACT("work that is asked for outside of a turn does not wait for one") {
  TestType driver;
  std::string log;
  Task task([&] { log += "task "; });
  Item item([&] { log += "flush "; });
  driver.runtime().defer(task);
  driver.runtime().touch(item);
  driver.until([&] { return log.size() == 11; });
  CHECK(log == "flush task ");
}

WEIR_CONTRACT("posted tasks keep their order, each with its flush, the mailbox with its turn") {
  TestType driver;
  std::string log;
  Item item([&] { log += "flush "; });
  Task task([&] { log += "task "; });
  for (int i = 0; i < 3; ++i) {
    driver.runtime().post([&, i] {
      log += std::to_string(i) + " ";
      driver.runtime().touch(item);
      if (i == 1) {
        driver.runtime().defer(task);
        driver.runtime().graveyard().retire(std::make_unique<Mortal>(log));
        driver.runtime().post([&] { log += "later "; });
      }
    });
  }
  driver.until([&] { return log.find("later") != std::string::npos; });
  if (TestType::kInstantNetwork) CHECK(log == "0 flush 1 flush 2 flush task grave later ");
  std::string order;
  for (const char c : log) {
    if (c >= '0' && c <= '9') order += c;
  }
  CHECK(order == "012");
}

WEIR_CONTRACT("many posts, none lost, none overtaken") {
  TestType driver;
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) driver.runtime().post([&order, i] { order.push_back(i); });
  driver.until([&] { return order.size() == 1000; });
  CHECK(std::is_sorted(order.begin(), order.end()));
}

WEIR_CONTRACT("timers fire in order, never early, and at most a tick late") {
  TestType driver;
  io::Runtime& runtime = driver.runtime();
  const base::Time start = runtime.now();
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::size_t fired = 0;
  for (int i = 0; i < 20; ++i) {
    const base::Time at = start + std::chrono::microseconds(i * 3'700);
    alarms.push_back(std::make_unique<Alarm>(runtime, [&, at] {
      ++fired;
      CHECK(runtime.now() >= at);
      // A loop that is busy or lags is late for that; epoll's, on a loaded machine, by any time.
      const base::Duration lag = std::chrono::milliseconds(2);
      if (TestType::kVirtualTime) CHECK(runtime.now() <= at + io::TimerWheel::kTick + lag);
    }));
    alarms.back()->timer.set(at);
  }
  driver.until([&] { return fired == alarms.size(); });
}

WEIR_CONTRACT("timers: cancelled, pushed out, pulled in, set again, destroyed") {
  TestType driver;
  io::Runtime& runtime = driver.runtime();
  using std::chrono::milliseconds;
  std::string log;
  Alarm cancelled(runtime, [&] { log += "cancelled "; });
  Alarm pushed_out(runtime, [&] { log += "pushed "; });
  Alarm pulled_in(runtime, [&] { log += "pulled "; });
  int rounds = 0;
  Alarm again(runtime, [&] {
    if (++rounds < 3) again.timer.set(runtime.now());
    log += "again ";
  });
  auto destroyed = std::make_unique<Alarm>(runtime, [&] { log += "destroyed "; });
  run_task(driver, [&] {
    const base::Time now = runtime.now();
    cancelled.timer.set(now + milliseconds(20));
    pushed_out.timer.set(now + milliseconds(10));
    pulled_in.timer.set(now + std::chrono::hours(1));
    destroyed->timer.set(now + milliseconds(30));
    pushed_out.timer.set(now + milliseconds(300));
    pulled_in.timer.set(now + milliseconds(200));
    again.timer.set(now + milliseconds(10));
    cancelled.timer.cancel();
    destroyed.reset();
  });
  CHECK(pulled_in.timer.at() != base::kNever);
  driver.until([&] { return log.find("pushed") != std::string::npos; });
  CHECK(log == "again again again pulled pushed ");
  CHECK(pulled_in.timer.at() == base::kNever);
}

WEIR_CONTRACT("what a timer defers runs in its turn") {
  TestType driver;
  io::Runtime& runtime = driver.runtime();
  std::string log;
  base::Time fired;
  Item item([&] { log += "flush "; });
  Task task([&] {
    log += "task ";
    CHECK(runtime.now() == fired);
  });
  Alarm alarm(runtime, [&] {
    fired = runtime.now();
    runtime.graveyard().retire(std::make_unique<Mortal>(log));
    runtime.defer(task);
    runtime.touch(item);
  });
  alarm.timer.set(runtime.now());
  driver.until([&] { return log.find("grave") != std::string::npos; });
  CHECK(log == "flush task grave ");
}

}  // namespace weir::contract
