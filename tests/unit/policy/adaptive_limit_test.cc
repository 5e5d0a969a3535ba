// The limit that is learned, against a node that is simulated: it works on so many requests at a time, and
// what is more waits there.
#include "proxy/policy/adaptive_limit.h"

#include <cmath>
#include <deque>
#include <queue>
#include <random>

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

using namespace std::chrono_literals;

// How long a request is worked on.
enum class Work : std::uint8_t { even, drawn };

class Simulated {
 public:
  Simulated(std::size_t capacity, base::Duration work, Work kind) : work_(work), kind_(kind) {
    resize(capacity);
  }

  void resize(std::size_t capacity) { capacity_ = capacity; }
  void slow_down(base::Duration work) { work_ = work; }
  // With `load` requests there are at any moment, as far as the limit allows.
  void run(AdaptiveLimit& limit, base::Duration span, std::size_t load) {
    const base::Time end = now_ + span;
    while (now_ < end) {
      while (in_flight_.size() < std::min<std::size_t>(load, limit.limit())) begin();
      if (in_flight_.empty()) {
        now_ += 100ms;
        continue;
      }
      finish();
      if (now_ - window_at_ >= limit.window()) {
        if (limit.take(window_, now_) == AdaptiveLimit::Verdict::taken) window_ = {};
        window_at_ = now_;
      }
    }
  }
  base::Time now() const { return now_; }
  AdaptiveLimit::Window& window() { return window_; }

 private:
  struct Request {
    base::Time came, done;
    bool operator>(const Request& other) const { return done > other.done; }
  };

  base::Duration draw() {
    if (kind_ == Work::even) return work_;
    return base::Duration(static_cast<base::Duration::rep>(
        std::exponential_distribution<double>(1.0 / static_cast<double>(work_.count()))(random_) + 1));
  }
  // A worker takes it when it is free.
  void begin() {
    while (free_.size() > capacity_) free_.pop();
    while (free_.size() < capacity_) free_.push(now_);
    const base::Time at = std::max(free_.top(), now_);
    free_.pop();
    const base::Time done = at + draw();
    free_.push(done);
    in_flight_.push({now_, done});
    window_.most_in_flight = std::max<std::uint64_t>(window_.most_in_flight, in_flight_.size());
  }
  void finish() {
    const Request request = in_flight_.top();
    in_flight_.pop();
    now_ = std::max(now_, request.done);
    ++window_.answers;
    window_.log_sum += std::log2(static_cast<double>((request.done - request.came).count()));
  }

  std::size_t capacity_ = 0;
  base::Duration work_;
  const Work kind_;
  std::mt19937_64 random_{7};
  base::Time now_{1s}, window_at_{1s};
  std::priority_queue<base::Time, std::vector<base::Time>, std::greater<>> free_;
  std::priority_queue<Request, std::vector<Request>, std::greater<>> in_flight_;
  AdaptiveLimit::Window window_;
};

// One that works on so many requests at a time, and refuses what is more within a moment.
class Refusing {
 public:
  Refusing(std::size_t capacity, base::Duration work) : capacity_(capacity), work_(work) {}

  struct Count {
    std::uint64_t answered = 0, refused = 0;
  };

  void resize(std::size_t capacity) { capacity_ = capacity; }
  // With `load` requests there are at any moment, as far as the limit allows.
  Count run(AdaptiveLimit& limit, base::Duration span, std::size_t load) {
    Count count;
    const base::Time end = now_ + span;
    while (now_ < end) {
      while (in_flight_.size() < std::min<std::size_t>(load, limit.limit())) begin();
      finish(count);
      if (!AdaptiveLimit::is_too_much(window_) && now_ - window_at_ < limit.window()) continue;
      if (limit.take(window_, now_) == AdaptiveLimit::Verdict::taken) window_ = {};
      window_at_ = now_;
    }
    return count;
  }

 private:
  struct Request {
    base::Time came, done;
    bool works;
    bool operator>(const Request& other) const { return done > other.done; }
  };

  void begin() {
    const bool works = working_ < capacity_;
    working_ += works ? 1 : 0;
    in_flight_.push({now_, now_ + (works ? draw() : kRefusal), works});
    window_.most_in_flight = std::max<std::uint64_t>(window_.most_in_flight, in_flight_.size());
  }
  void finish(Count& count) {
    const Request request = in_flight_.top();
    in_flight_.pop();
    now_ = std::max(now_, request.done);
    working_ -= request.works ? 1 : 0;
    ++(request.works ? count.answered : count.refused);
    if (!request.works) return static_cast<void>(++window_.overloads);
    ++window_.answers;
    window_.log_sum += std::log2(static_cast<double>((request.done - request.came).count()));
  }
  base::Duration draw() {
    return base::Duration(std::uniform_int_distribution<base::Duration::rep>(work_.count() / 2,
                                                                             work_.count() * 3 / 2)(random_));
  }

  static constexpr base::Duration kRefusal = 1ms;
  std::size_t capacity_;
  const base::Duration work_;
  std::mt19937_64 random_{7};
  base::Time now_{1s}, window_at_{1s};
  std::size_t working_ = 0;
  std::priority_queue<Request, std::vector<Request>, std::greater<>> in_flight_;
  AdaptiveLimit::Window window_;
};

}  // namespace

TEST_CASE("the limit comes near what a node can do at once, and stays there") {
  const std::size_t capacity = GENERATE(4U, 16U, 64U, 200U);
  const Work work = GENERATE(Work::even, Work::drawn);
  CAPTURE(capacity, work == Work::even);
  AdaptiveLimit limit;
  Simulated node(capacity, 20ms, work);
  node.run(limit, 60s, 10'000);
  for (int i = 0; i < 30; ++i) {
    node.run(limit, 10s, 10'000);
    // Half of it for a moment, once a minute.
    CHECK(limit.limit() >= capacity * 2 / 5);
    CHECK(static_cast<double>(limit.limit()) <= 2 * static_cast<double>(capacity) + 4 * std::sqrt(capacity));
  }
}

TEST_CASE("a node whose answers take much longer than a window is given what it can do") {
  const std::size_t capacity = GENERATE(50U, 200U);
  const Work work = GENERATE(Work::even, Work::drawn);
  const base::Duration time = GENERATE(200ms, 400ms, 1000ms);
  CAPTURE(capacity, work == Work::even, time.count());
  AdaptiveLimit limit;
  Simulated node(capacity, time, work);
  node.run(limit, 30s, 10'000);
  double unused = 0;
  constexpr int kLooks = 1200;
  for (int i = 0; i < kLooks; ++i) {
    node.run(limit, 100ms, 10'000);
    unused += 1 - std::min(1.0, static_cast<double>(limit.limit()) / static_cast<double>(capacity));
  }
  CHECK(unused / kLooks < 0.15);
}

TEST_CASE("the limit falls where a node becomes slower, and grows again when it recovers") {
  AdaptiveLimit limit;
  Simulated node(100, 10ms, Work::even);
  node.run(limit, 20s, 10'000);
  const std::uint64_t before = limit.limit();
  node.resize(10);
  node.run(limit, 10s, 10'000);
  CHECK(limit.limit() < before / 3);
  node.resize(100);
  node.run(limit, 20s, 10'000);
  CHECK(limit.limit() > before / 2);
}

TEST_CASE("what is not used does not grow, nor fall") {
  AdaptiveLimit limit;
  Simulated node(1000, 10ms, Work::even);
  node.run(limit, 60s, 4);
  CHECK(limit.limit() == AdaptiveLimit::kFirst);
  node.run(limit, 10s, 15);
  CHECK(limit.limit() > AdaptiveLimit::kFirst);
  const std::uint64_t grown = limit.limit();
  node.run(limit, 600s, 4);
  CHECK(limit.limit() == grown);
}

TEST_CASE("a node that has become slower for good is not held to what it was") {
  AdaptiveLimit limit;
  Simulated node(50, 10ms, Work::even);
  node.run(limit, 20s, 10'000);
  node.slow_down(100ms);
  node.run(limit, 5s, 10'000);
  CHECK(limit.limit() >= 40);
}

TEST_CASE("a node that waits for others is held back for seconds, however few it had at a time") {
  AdaptiveLimit limit;
  Simulated node(5, 20ms, GENERATE(Work::even, Work::drawn));
  node.run(limit, 34s, 10'000);
  node.resize(1000);  // each answer takes so much longer, and nothing waits
  node.slow_down(220ms);
  node.run(limit, 15s, 60);
  CHECK(limit.limit() >= 40);
}

TEST_CASE("a node that can do less at a time is measured when the limit has come to rest, and not before") {
  AdaptiveLimit limit;
  Simulated node(100, 10ms, Work::even);
  node.run(limit, 70s, 10'000);
  node.resize(10);
  for (int i = 0; i < 20; ++i) {
    node.run(limit, 2s, 10'000);
    if (i > 0) CHECK(limit.limit() <= 30);
  }
}

TEST_CASE("answers that say too much shrink it, and never below the least") {
  AdaptiveLimit limit;
  base::Time now{1s};
  CHECK(limit.take({.answers = 5, .log_sum = 100, .most_in_flight = 20, .overloads = 2}, now) ==
        AdaptiveLimit::Verdict::taken);
  CHECK(limit.limit() == 9);  // half of it, since nothing has been measured yet
  for (int i = 0; i < 100; ++i) limit.take({.overloads = 2}, now += 100ms);
  CHECK(limit.limit() == AdaptiveLimit::kLeast);
}

TEST_CASE("what the node had before the limit shrank shrinks it no more") {
  AdaptiveLimit limit;
  const base::Time now{1s};
  limit.take({.overloads = 2}, now);
  limit.take({.overloads = 20}, now + 50ms);
  CHECK(limit.limit() == 9);
  SECTION("those that come later do") {
    limit.take({.overloads = 2}, now + 100ms);
  }
  SECTION("and those that cannot have been there before") {
    limit.take({.overloads = 2}, now + 60ms);
  }
  CHECK(limit.limit() == 7);
}

TEST_CASE("a node whose answers take long may say so for as long, of what it had") {
  AdaptiveLimit limit;
  Simulated node(100, 500ms, Work::even);
  node.run(limit, 60s, 80);
  const std::uint64_t before = limit.limit();
  base::Time now = node.now();
  for (std::uint64_t ended = 0; ended + 8 <= 80; ended += 8) limit.take({.overloads = 8}, now += 45ms);
  CHECK(limit.limit() * 10 >= before * 8);
  limit.take({.overloads = 8}, now + 1s);
  CHECK(limit.limit() * 10 < before * 8);
}

TEST_CASE("a node that says so now and then, however much it has, keeps its limit") {
  AdaptiveLimit limit;
  base::Time now{1s};
  for (int i = 0; i < 100; ++i)
    limit.take({.answers = 100, .log_sum = 100 * 20.0, .most_in_flight = limit.limit(), .overloads = 3},
               now += AdaptiveLimit::kWindow);
  CHECK(limit.limit() > 100);
}

TEST_CASE("a node that is not well for half a second has its limit back within seconds") {
  AdaptiveLimit limit;
  Refusing node(100, 20ms);
  node.run(limit, 30s, 80);
  const std::uint64_t before = limit.limit();
  node.resize(0);
  node.run(limit, 500ms, 80);
  node.resize(100);
  node.run(limit, 3s, 80);
  CHECK(limit.limit() * 10 >= before * 8);
}

TEST_CASE("at a node that says so when it has too much few requests are too much") {
  const std::size_t capacity = GENERATE(5U, 16U, 100U);
  AdaptiveLimit limit;
  Refusing node(capacity, 50ms);
  node.run(limit, 30s, 6 * capacity);
  const auto [answered, refused] = node.run(limit, 60s, 6 * capacity);
  CAPTURE(capacity, answered, refused);
  CHECK(refused * 100 < answered);
  CHECK(static_cast<double>(answered) > 0.8 * static_cast<double>(capacity) * (60s / 50ms));
  // It may be able to do more later.
  node.resize(5 * capacity);
  node.run(limit, 60s, 6 * capacity);
  CHECK(limit.limit() > 2 * capacity);  // half of it for a moment, once a minute
}

TEST_CASE("a few answers say nothing, and are not forgotten") {
  AdaptiveLimit limit;
  CHECK(limit.take({.answers = 3, .log_sum = 60, .most_in_flight = 20}, base::Time(1s)) ==
        AdaptiveLimit::Verdict::goes_on);
  CHECK(limit.limit() == AdaptiveLimit::kFirst / 2);
}

}  // namespace weir::policy
