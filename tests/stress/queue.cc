// The queue of a pool under real threads: each has requests that take a place, keep it for a moment and leave
// it, and a mailbox by which it is called. There are never more places taken than the limit, which
// changes meanwhile, and no call is lost: else the whole comes to a halt, and this ends with an error.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "balancer/node.h"
#include "proxy/core/place.h"
#include "proxy/core/waiter.h"

namespace weir::stress {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kThreads = 4, kRequests = 12;  // of each, at once
constexpr std::uint64_t kMost = 7, kMostAtNode = 4;

// A loop that does nothing but work off its mail.
class MailLoop final : public io::Runtime {
 public:
  io::TimerWheel& timers() override { std::abort(); }
  io::TransportPtr connect(const io::Address&, io::TransportHandler&) override { std::abort(); }
  std::unique_ptr<io::Listener> listen(io::ListenSocket, io::AcceptHandler&) override { std::abort(); }
  void resolve(const std::string&, Resolved) override { std::abort(); }
  void defer(io::Deferred&) override { std::abort(); }
  void touch(io::Flushable&) override { std::abort(); }
  base::Graveyard& graveyard() override { std::abort(); }
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mutex_);
    mail_.push_back(std::move(task));
    came_.notify_one();
  }
  // False: nothing came for a long time.
  bool turn(base::Duration patience) {
    std::deque<std::function<void()>> mail;
    {
      std::unique_lock lock(mutex_);
      if (!came_.wait_for(lock, patience, [this] { return !mail_.empty(); })) return false;
      mail.swap(mail_);
    }
    for (const auto& task : mail) task();
    return true;
  }
  bool idle() {
    const std::lock_guard lock(mutex_);
    return mail_.empty();
  }

 private:
  base::Time read_clock() const override {
    return base::Time(std::chrono::steady_clock::now().time_since_epoch());
  }
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> mail_;
};

struct Shared {
  core::PoolGate gate;
  balancer::Node nodes[2] = {balancer::Node("a"), balancer::Node("b")};
  std::atomic<std::uint64_t> in_flight{0}, most{0}, served{0}, waited{0}, sent_away{0};
  std::atomic<bool> ending{false};
  std::atomic<std::uint64_t> allowed{kMost};
};

class Request final : public core::Waiter {
 public:
  Request(Shared& shared, core::QueueDesk& desk, std::uint64_t client)
      : shared_(shared), desk_(desk), client_(client) {}
  ~Request() { give_up(); }

  bool holds() const { return static_cast<bool>(place_); }
  bool idle() const { return !holds() && !waits(); }

  void ask() {
    if (!shared_.gate.is_waited_for() && take_place()) return on_placed();
    const auto standing = ++asked_ % 5 == 0 ? Standing::again : Standing::first;
    if (wait_at(shared_.gate, share_, desk_, {client_, 0}, standing) == Outcome::placed) on_placed();
    if (waits()) ++shared_.waited;
  }
  void leave() {
    --shared_.in_flight;
    ++shared_.served;
    place_.release();
  }
  void give_up() {
    stop_waiting_for_place();
    if (holds()) leave();
  }

 private:
  bool take_place() override {
    for (balancer::Node& node : shared_.nodes) {
      if (!shared_.gate.has_room() || !node.has_room()) continue;
      if (auto place = core::Place::take(shared_.gate, node)) {
        place_ = std::move(*place);
        return true;
      }
    }
    return false;
  }
  bool sees_room() const override {
    return shared_.gate.has_room() && (shared_.nodes[0].has_room() || shared_.nodes[1].has_room());
  }
  bool on_called() override { return true; }
  void on_placed() override {
    const std::uint64_t now = ++shared_.in_flight;
    std::uint64_t most = shared_.most;
    while (now > most && !shared_.most.compare_exchange_weak(most, now)) {
    }
  }
  void on_change() override {}
  void on_shed(base::Reason) override { ++shared_.sent_away; }

  Shared& shared_;
  core::QueueDesk& desk_;
  core::PoolShare share_;
  const std::uint64_t client_;
  core::Place place_;
  std::uint32_t asked_ = 0;
};

// Its requests ask, hold and leave in an order of its own; now and then one gives up.
bool run(Shared& shared, std::uint64_t seed) {
  MailLoop loop;
  core::QueueDesk desk(loop);
  std::vector<std::unique_ptr<Request>> requests;
  for (std::size_t i = 0; i < kRequests; ++i)
    requests.push_back(std::make_unique<Request>(shared, desk, seed * 3 + i % 3));
  std::uint64_t state = seed + 1;
  const auto draw = [&state] { return (state = state * 6364136223846793005U + 1442695040888963407U) >> 33; };
  bool good = true;
  while (good && !shared.ending) {
    bool all_wait = true;
    for (const auto& request : requests) {
      if (request->holds()) {
        if (draw() % 4 != 0) request->leave();
      } else if (request->idle()) {
        if (draw() % 3 != 0) request->ask();
      } else if (draw() % 512 == 0) {
        request->give_up();
      }
      all_wait = all_wait && request->waits();
    }
    // Where all wait somebody is to tell one of them.
    if (all_wait || !loop.idle()) good = loop.turn(10s);
  }
  requests.clear();
  while (!loop.idle()) loop.turn(1s);
  return good;
}

int stress(std::chrono::seconds span) {
  Shared shared;
  shared.gate.use({.limits = true, .most_in_flight = kMost, .queue_size = 20});
  for (balancer::Node& node : shared.nodes) node.set_limit(kMostAtNode);
  std::atomic<int> halted{0};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < kThreads; ++i)
      threads.emplace_back([&shared, &halted, i] {
        if (!run(shared, i)) ++halted;
      });
    const auto end = std::chrono::steady_clock::now() + span;
    for (std::uint64_t limit = 1; std::chrono::steady_clock::now() < end && halted == 0; ++limit) {
      std::this_thread::sleep_for(1ms);
      shared.gate.use({.limits = true, .most_in_flight = 1 + limit % kMost, .queue_size = 20});
      shared.gate.poke();
    }
    shared.ending = true;
  }
  std::printf("%llu served, %llu waited, %llu sent away, %llu at once at most\n",
              static_cast<unsigned long long>(shared.served), static_cast<unsigned long long>(shared.waited),
              static_cast<unsigned long long>(shared.sent_away),
              static_cast<unsigned long long>(shared.most));
  if (halted != 0) std::puts("a place was free, and nobody was told");
  if (shared.most > kMost) std::puts("more places were taken than there are");
  if (shared.gate.in_flight() != 0 || shared.gate.waiting() != 0) std::puts("places or waiters are left");
  const bool good = halted == 0 && shared.most <= kMost && shared.gate.in_flight() == 0 &&
                    shared.gate.waiting() == 0 && shared.waited > 0 && shared.served > 1000;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace weir::stress

int main(int count, char** arguments) {
  return weir::stress::stress(std::chrono::seconds(count > 1 ? std::atoi(arguments[1]) : 4));
}
