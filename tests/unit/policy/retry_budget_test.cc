// How many retries a pool affords, by exact times.
#include "proxy/policy/retry_budget.h"

#include <chrono>
#include <thread>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir;
using namespace std::chrono_literals;
using policy::PoolTraffic;
using policy::RetryBudget;

namespace {

constexpr base::Time kBudgetBegin{1h};

// All that can be had at once.
int spend_all(RetryBudget& budget, base::Time now, const PoolTraffic& traffic, std::uint32_t percent = 20) {
  int spent = 0;
  while (spent < 1'000'000 && budget.spend(now, traffic, percent)) ++spent;
  return spent;
}

}  // namespace

TEST_CASE("without requests there are three retries a second, and thirty saved") {
  RetryBudget budget;
  CHECK(spend_all(budget, kBudgetBegin, {}) == 30);
  CHECK_FALSE(budget.spend(kBudgetBegin + 300ms, {}, 20));
  CHECK(spend_all(budget, kBudgetBegin + 1s, {}) == 3);
  CHECK(spend_all(budget, kBudgetBegin + 3s, {}) == 6);
  CHECK(spend_all(budget, kBudgetBegin + 1h, {}) == 30);
  CHECK(spend_all(budget, kBudgetBegin + 2h, {1'000'000, 1'000'000}, 0) == 0);
}

TEST_CASE("each request earns its share of a retry") {
  RetryBudget budget;
  CHECK(spend_all(budget, kBudgetBegin, {}) == 30);
  CHECK(spend_all(budget, kBudgetBegin, {4, 4}) == 0);
  CHECK(spend_all(budget, kBudgetBegin, {5, 5}) == 1);
  CHECK(spend_all(budget, kBudgetBegin, {9, 9}) == 0);
  CHECK(spend_all(budget, kBudgetBegin, {10, 10}) == 1);
  CHECK(spend_all(budget, kBudgetBegin, {12, 12}, 50) == 1);
  CHECK(spend_all(budget, kBudgetBegin, {13, 13}, 100) == 1);
}

TEST_CASE("the least rate is no gift on top of the share") {
  RetryBudget budget;
  std::uint64_t requests = 0;
  for (int i = 0; i < 100; ++i) CHECK(budget.spend(kBudgetBegin, {requests += 5, 1'000}, 20));
  CHECK_FALSE(budget.spend(kBudgetBegin, {requests, 1'000}, 20));
}

TEST_CASE("what is saved of the share is a quarter of a second's worth") {
  RetryBudget budget;
  CHECK(spend_all(budget, kBudgetBegin, {1'000'000, 50'000}) == 250);
  CHECK(spend_all(budget, kBudgetBegin, {1'000'100, 50'000}) == 20);
  CHECK(spend_all(budget, kBudgetBegin, {2'000'000, 50'000}) == 250);
}

TEST_CASE("who retries all it may in a storm adds a quarter at most") {
  for (const int rate : {250, 5'000}) {
    RetryBudget budget;
    PoolTraffic traffic{1'000'000, static_cast<std::uint64_t>(10 * rate)};
    int requests = 0, retries = 0;
    for (int ms = 0; ms < 3'000; ++ms) {
      const int due = (ms + 1) * rate / 1'000 - requests;
      requests += due;
      traffic.total += static_cast<std::uint64_t>(due);
      for (int want = 0; want < 2 * due; ++want)
        retries += budget.spend(kBudgetBegin + ms * 1ms, traffic, 20) ? 1 : 0;
    }
    INFO(rate << " requests a second");
    CHECK(retries > requests * 19 / 100);
    CHECK(retries <= requests * 25 / 100);
  }
}

TEST_CASE("what several threads spend is no more than one could") {
  RetryBudget budget;
  std::vector<int> spent(4);
  std::vector<std::thread> threads;
  for (int& own : spent)
    threads.emplace_back([&] {
      for (int i = 0; i < 20'000; ++i) own += budget.spend(kBudgetBegin, {1'000'000, 1'000'000}, 20) ? 1 : 0;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(spent[0] + spent[1] + spent[2] + spent[3] == 5'000);
}
