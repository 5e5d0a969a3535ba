// io::Runtime of one loop of a SimWorld. It polls when something is ready, after a lag drawn by the seed, and
// keeps io/runtime.h's turns. The bytes that it lends are spoilt as soon as the callback's flush is over, so
// that a borrower who holds on to them is found out. Destroy its transports and listeners before it.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/io/runtime.h"
#include "tests/sim/sim_world.h"

namespace weir::sim {

class SimTransport;
struct ReadyTag;

// A transport or listener with something to do when its loop polls.
class SimPollable : public base::ListHook<ReadyTag> {
 public:
  virtual void poll() = 0;

 protected:
  ~SimPollable() = default;
};

class SimRuntime final : public io::Runtime {
 public:
  // `process`: whose loop it is, by number; those that it connects to can tell.
  explicit SimRuntime(SimWorld& world, std::uint32_t process = 0);
  SimRuntime(const SimRuntime&) = delete;
  SimRuntime& operator=(const SimRuntime&) = delete;
  ~SimRuntime();

  std::int64_t wall_ms() const override { return world_.wall_ms(); }
  io::TimerWheel& timers() override { return wheel_; }
  io::TransportPtr connect(const io::Address& address, io::TransportHandler& handler) override;
  std::unique_ptr<io::Listener> listen(io::ListenSocket socket, io::AcceptHandler& handler) override;
  void resolve(const std::string& host, Resolved done) override;
  void defer(io::Deferred& task) override;
  void touch(io::Flushable& item) override;
  base::Graveyard& graveyard() override { return graveyard_; }
  void post(std::function<void()> task) override;

  // Whether a connect finds a descriptor free.
  void set_descriptors(bool free) { descriptors_ = free; }
  // The loop does not turn until then, as if its process were stopped.
  void pause_until(base::Time then) { paused_until_ = then; }

  // Bytes that its connections accepted at a port have read, and that the kernel has taken from them.
  struct Carried {
    std::uint64_t from_clients = 0, to_clients = 0;
  };
  Carried& carried(std::uint16_t port) { return carried_[port]; }
  const Carried& carried(std::uint16_t port) const { return carried_.at(port); }
  // What its filters lend, too, is spoilt after each callback.
  void spoil(std::string& lent) { lent_by_filters_ = &lent; }

  // The most that one of its transports kept of what the kernel did not take, in bytes, ever.
  std::size_t most_kept() const { return most_kept_; }

  // For the simulator's other parts.
  void kept(std::size_t bytes) { most_kept_ = std::max(most_kept_, bytes); }
  bool turn_if_due();  // now, from within another loop's turn
  bool has_descriptors() const { return descriptors_; }
  static constexpr std::size_t kReadBuffer = 65536;
  SimWorld& world() { return world_; }
  std::uint32_t process() const { return process_; }
  char* read_buffer() { return read_buffer_.data(); }
  void lent(std::size_t bytes) { lent_ = bytes; }
  void ready(SimPollable& item);  // idempotent; polled in the next turn
  void end_callback();
  void arm_timer();
  void bury(SimTransport& closed);  // freed when the turn is over

 private:
  base::Time read_clock() const override { return world_.now(); }
  struct Alarm;
  enum : std::uint32_t { kPoll, kTimer, kMail, kFound };
  struct Mail {
    base::Time at;
    std::function<void()> task;
  };

  void on_event(std::uint32_t what);
  void wake();
  void turn();
  void deliver_answers();
  void deliver_mail();
  void free_buried();
  void end_turn();

  SimWorld& world_;
  const std::uint32_t process_;
  Alarm* alarm_;  // hears of this loop's events
  std::array<char, kReadBuffer> read_buffer_;
  std::size_t lent_ = 0;
  std::string* lent_by_filters_ = nullptr;
  std::map<std::uint16_t, Carried> carried_;  // by port
  std::size_t most_kept_ = 0;
  base::Time paused_until_ = base::Time::min();
  bool descriptors_ = true;
  bool turning_ = false;
  bool woken_ = false;
  base::Time armed_ = base::kNever;
  std::deque<Mail> mail_;
  std::vector<Mail> found_;  // the answers to lookups
  std::vector<SimTransport*> buried_;
  io::TimerWheel wheel_;
  base::IntrusiveList<SimPollable, ReadyTag> ready_;
  base::IntrusiveList<io::Deferred, io::DeferTag> deferred_;
  base::IntrusiveList<io::Flushable, io::FlushTag> touched_;
  base::Graveyard graveyard_;
};

}  // namespace weir::sim
