// A node's limit between those who learn it and the control thread.
#include "proxy/core/limit_learner.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/unit/catch.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kGiven = 7;

// A worker whose windows are over all the time, and whose node always has too much to do.
class Learning {
 public:
  Learning(LimitLearner& learner, balancer::Node& node)
      : thread_([this, &learner, &node] {
          PoolGate gate;
          for (base::Time now{1s}; !over_.load(); now += 1s) {
            learner.note_overload(0);
            learner.look(now, node, gate);
            ++rounds_;
          }
        }) {}
  ~Learning() { over_ = true; }
  std::uint64_t rounds() const { return rounds_; }

 private:
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> rounds_{0};
  std::jthread thread_;
};

}  // namespace

TEST_CASE("nobody who learns sets the limit after one was given") {
  balancer::Node node("a");
  LimitLearner learner(1);
  const Learning worker(learner, node);
  std::size_t others = 0;
  const auto until = std::chrono::steady_clock::now() + 3s;  // a thread's turn may be long in coming
  for (int round = 0; round < 20'000 && std::chrono::steady_clock::now() < until; ++round) {
    learner.begin(node);
    learner.end(node, kGiven);
    const std::uint64_t seen = worker.rounds();  // one may be under way
    while (worker.rounds() < seen + 2) std::this_thread::yield();
    others += node.limit() == kGiven ? 0 : 1;
  }
  CHECK(others == 0);
}

TEST_CASE("a limit is learned on from what it was") {
  balancer::Node node("a");
  LimitLearner learner(1);
  PoolGate gate;
  learner.begin(node);
  const std::uint64_t first = node.limit();
  base::Time now{1s};
  for (int i = 0; i < 3; ++i) {
    learner.note_overload(0);
    learner.look(now += 1s, node, gate);
  }
  const std::uint64_t learned = node.limit();
  CHECK(learned < first);
  learner.end(node, kGiven);
  learner.note_overload(0);
  learner.look(now += 1s, node, gate);
  CHECK(node.limit() == kGiven);
  learner.begin(node);
  CHECK(node.limit() == learned);
}

}  // namespace weir::core
