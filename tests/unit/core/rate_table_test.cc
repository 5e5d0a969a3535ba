// Many keys, more than there is room for, and several threads.
#include "proxy/core/rate_table.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "proxy/core/client_table.h"
#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::core;
using namespace std::chrono_literals;

namespace {

constexpr policy::RatePace kPace{1s, 5};
const base::Time kNoon = base::Time() + 12h;

int admitted(RateTable& table, std::uint64_t limit, const std::string& key, int asked) {
  int count = 0;
  for (int i = 0; i < asked; ++i) count += table.spend(limit, key, kPace, kNoon).admitted ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("keys and limits do not know each other") {
  RateTable table;
  CHECK(admitted(table, 1, "a", 10) == 5);
  CHECK(admitted(table, 1, "b", 10) == 5);
  CHECK(admitted(table, 2, "a", 10) == 5);
  CHECK(admitted(table, 1, "a", 10) == 0);
}

TEST_CASE("a flood of keys takes no room from those that come too fast") {
  RateTable table(7, 4096);
  CHECK(admitted(table, 1, "greedy", 5) == 5);
  for (int i = 0; i < 100'000; ++i) {
    table.spend(1, std::to_string(i), kPace, kNoon);
    if (i % 1000 == 0) CHECK(admitted(table, 1, "greedy", 1) == 0);
  }
  CHECK(table.forgiven() > 0);
}

TEST_CASE("a table of which three quarters are in use forgets nearly nobody") {
  RateTable table(7, 16'384);
  for (int i = 0; i < 12'288; ++i) admitted(table, 1, std::to_string(i), 5);
  CHECK(table.forgiven() < 400);
}

TEST_CASE("what is given back may be spent again") {
  RateTable table;
  table.give_back(1, "a", kPace);  // which nobody knows
  CHECK(admitted(table, 1, "a", 10) == 5);
  table.give_back(1, "a", kPace);
  CHECK(admitted(table, 1, "a", 10) == 1);
}

TEST_CASE("who asks with a clock that is behind frees nothing for those whose clock is right") {
  RateTable table;
  CHECK(admitted(table, 1, "a", 10) == 5);
  for (int i = 0; i < 1000; ++i) {
    CHECK_FALSE(table.spend(1, "a", kPace, kNoon - 100ms).admitted);
    CHECK_FALSE(table.spend(1, "a", kPace, kNoon).admitted);
  }
}

TEST_CASE("a flood on one limit frees few keys of another, whichever is slower") {
  for (const base::Duration slower : {base::Duration(1ms), base::Duration(1h)}) {
    RateTable table(7, 4096);
    policy::RatePace pace = kPace;
    pace.interval = slower;
    for (int i = 0; i < 1000; ++i) admitted(table, 1, "greedy " + std::to_string(i), 5);
    for (int i = 0; i < 100'000; ++i) table.spend(2, std::to_string(i), pace, kNoon);
    int held = 0;
    for (int i = 0; i < 1000; ++i) held += admitted(table, 1, "greedy " + std::to_string(i), 1) == 0 ? 1 : 0;
    CHECK(held > 600);
  }
}

TEST_CASE("keys that are back at their pace make room without being missed") {
  RateTable table(7, 256);
  for (int i = 0; i < 100'000; ++i) table.spend(1, std::to_string(i), kPace, kNoon + i * 1s);
  CHECK(table.forgiven() == 0);
}

TEST_CASE("several threads are admitted as one") {
  RateTable table;
  std::atomic<int> count{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) threads.emplace_back([&] { count += admitted(table, 1, "shared", 5000); });
  for (std::thread& thread : threads) thread.join();
  CHECK(count == 5);
}

TEST_CASE("a client has so many connections, over all its /64") {
  ClientTable table;
  const auto ip = [](std::string_view text) { return *io::Ip::parse(text); };
  const auto first = table.enter(ip("2001:db8::1"), 2);
  CHECK(first != ClientTable::kNobody);
  CHECK(table.enter(ip("2001:db8::2"), 2) == first);
  CHECK(table.enter(ip("2001:db8::3"), 2) == ClientTable::kNobody);
  CHECK(table.enter(ip("2001:db8:0:1::1"), 2) != ClientTable::kNobody);
  CHECK(table.enter(ip("192.0.2.1"), 2) != ClientTable::kNobody);
  CHECK(table.enter(ip("192.0.2.2"), 2) != ClientTable::kNobody);
  table.leave(first);
  CHECK(table.enter(ip("2001:db8::3"), 2) == first);
  table.leave(first);
  table.leave(first);
  CHECK(table.clients() == 3);
}
