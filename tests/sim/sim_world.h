// A world to run Weir in: one virtual clock, one seed, a network, names, and any number of loops
// (SimRuntime). Nothing happens at once and nothing happens by itself: everything is an event with a time,
// and equal times keep the order in which they were scheduled. The same seed gives the same run. One thread.
// Destroy loops, transports and listeners before it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/io/address.h"
#include "proxy/io/runtime.h"
#include "tests/sim/sim_random.h"
#include "tests/sim/sim_rules.h"

namespace weir::sim {

class SimLink;
class SimListener;
class SimWorld;
class SimRuntime;
struct LinkTag;

// What events happen to. It lives on the heap; once retired it hears of no event, and it is deleted when none
// of its events is queued any more.
class SimActor {
 public:
  SimActor() = default;
  SimActor(const SimActor&) = delete;
  SimActor& operator=(const SimActor&) = delete;
  virtual void on_event(std::uint32_t what) = 0;
  void retire();

 protected:
  virtual ~SimActor() = default;

 private:
  friend class SimWorld;
  std::uint32_t queued_ = 0;
  bool retired_ = false;
};

// A listening socket: its queue of connections, and the listeners that poll it.
struct SimListenSocket {
  io::Address address;
  std::deque<SimLink*> queue;
  std::vector<SimListener*> listeners;
};

class SimWorld {
 public:
  // How a connect to an address ends where it is not what the listeners there make of it.
  enum class Fate : std::uint8_t { natural, fails_at_once, refused, black_hole };

  explicit SimWorld(std::uint64_t seed, SimRules rules = SimRules::hostile());
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;
  ~SimWorld();

  base::Time now() const { return now_; }
  // As a machine that slept: the clock is ahead all at once, and all that was to happen meanwhile does now.
  void leap(base::Duration span) { leapt_at_ = now_ += span; }
  base::Time leapt_at() const { return leapt_at_; }
  // The time of day, which somebody sets forward and back. now() knows nothing of it.
  std::int64_t wall_ms() const { return wall_ms_at(now_, wall_.back().ahead); }
  void set_wall(base::Duration ahead) { wall_.push_back({now_, ahead}); }
  // Whether a clock on the wall showed that second between then and now.
  bool wall_was(std::int64_t second, base::Time since) const;
  SimRandom& random() { return random_; }
  SimRules& rules() { return rules_; }
  std::uint64_t events() const { return events_; }  // that have happened
  // What the network did to connections on its own account.
  struct Mischief {
    std::uint64_t splits = 0, short_writes = 0, late_mails = 0, preemptions = 0;
    std::uint64_t at_atomics = 0;  // of the preemptions
  };
  Mischief& mischief() { return mischief_; }

  // Port 0: a free one. Nobody may be listening there.
  io::ListenSocket listen(const io::Address& address);
  const io::Address& address_of(io::ListenSocket socket) const;
  void close(io::ListenSocket socket);  // what waits in its queue is reset
  void set_fate(const io::Address& address, Fate fate) { fates_[address.text()] = fate; }
  void set_name(const std::string& host, std::vector<io::Ip> ips) { names_[host] = std::move(ips); }

  // Timers that were set between two runs count from the next run on.
  // Until `done` says so; false if the time comes, or nothing more can happen, before.
  bool run_until(const std::function<bool()>& done, base::Time at_most = base::kNever);
  void run_until(base::Time at);

  // For the simulator's other parts.
  void join(SimRuntime& runtime) { runtimes_.push_back(&runtime); }
  void leave(SimRuntime& runtime) { std::erase(runtimes_, &runtime); }
  // Perhaps other threads go on while one is between two callbacks, or about to do what is atomic (which only
  // builds with atomic_steps.cc know of).
  void preempt();
  void preempt_at_atomic();
  static SimWorld* stepping() { return stepping_; }  // the world that this thread carries on, if it does
  void turn_begins() { ++turns_; }
  void turn_ends() { --turns_; }
  void schedule(SimActor& actor, base::Time at, std::uint32_t what);
  void schedule_in(SimActor& actor, base::Duration most, std::uint32_t what);  // at once to `most`
  base::Duration network_delay();
  base::Duration up_to(base::Duration most);
  Fate fate_of(const io::Address& address) const;
  SimListenSocket* listening_at(const io::Address& address);
  SimListenSocket& socket(io::ListenSocket socket) { return *sockets_.at(socket.fd); }
  const std::vector<io::Ip>* find_name(const std::string& host) const;
  std::uint16_t next_client_port() {
    return client_port_ = client_port_ < 60'000 ? client_port_ + 1 : 32'768;
  }
  base::IntrusiveList<SimLink, LinkTag>& links() { return *links_; }

 private:
  struct Event {
    base::Time at;
    std::uint64_t order;
    SimActor* actor;
    std::uint32_t what;
    bool operator<(const Event& other) const {  // the heap keeps the greatest first
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  struct Wall {
    base::Time since;
    base::Duration ahead;
  };

  static std::int64_t wall_ms_at(base::Time at, base::Duration ahead) {
    constexpr std::int64_t kBegin = 1'700'000'000'000;
    return kBegin +
           std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch() + ahead).count();
  }
  void arm_timers();
  void step();
  void let_others_turn();

  static thread_local SimWorld* stepping_;
  unsigned turns_ = 0;  // under way, one within the other
  base::Time now_{std::chrono::hours(1)};
  base::Time leapt_at_ = base::Time::min();
  std::vector<Wall> wall_{{base::Time::min(), {}}};
  SimRandom random_;
  SimRules rules_;
  std::uint64_t events_ = 0;
  Mischief mischief_;
  std::uint64_t scheduled_ = 0;
  std::vector<Event> queue_;
  std::vector<SimRuntime*> runtimes_;
  std::map<int, std::unique_ptr<SimListenSocket>> sockets_;
  std::map<std::string, int> by_address_;
  std::map<std::string, Fate> fates_;
  std::map<std::string, std::vector<io::Ip>> names_;
  std::unique_ptr<base::IntrusiveList<SimLink, LinkTag>> links_;
  int next_socket_ = 1;
  std::uint16_t next_port_ = 10'000;
  std::uint16_t client_port_ = 32'768;
};

}  // namespace weir::sim
