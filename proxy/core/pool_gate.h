// How much may be in flight at the nodes of a pool together, over all workers, and the queue of those that
// find no place, there or at the nodes (which count for themselves). A place is taken by compare-exchange,
// never past the limit. Who leaves one looks whether anybody waits; if so, the line is asked who is next, and
// that one is called, through its worker. A call is no place yet: the waiter takes one as everybody else
// does, and hands the call on where it cannot use it. So no place is lost with a waiter that has gone, and
// none stays idle while somebody waits that can use it. Part of PoolShared; any thread. The lock is taken
// where somebody waits, or is about to, and there alone.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>

#include "proxy/base/time.h"
#include "proxy/policy/waiting_line.h"

namespace weir::core {

class Waiter;

class PoolGate {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  struct Terms {
    bool limits = false;  // the pool's, or some node's, requests are limited
    std::uint64_t most_in_flight = kUnlimited;
    std::size_t queue_size = 0;
    base::Duration queue_timeout{};
  };

  // Control thread. Whoever waits past the queue's size is sent away. To be followed by poke(), if there is
  // more room than before.
  void use(const Terms& terms);
  // Whether places are to be taken at all. Where nothing is limited nobody counts here.
  bool limits() const { return limits_.load(std::memory_order_relaxed); }
  std::uint64_t most() const { return most_.load(std::memory_order_relaxed); }
  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  bool has_room() const { return in_flight_.load(std::memory_order_seq_cst) < bound(); }
  // How many the connections take that there may be; the lesser of the two counts. As with use().
  void set_capacity(std::uint64_t to) { capacity_.store(to, std::memory_order_seq_cst); }

  bool try_enter();
  void enter_anyway() { in_flight_.fetch_add(1, std::memory_order_seq_cst); }
  void leave();

  // Somebody waits, or was called: whoever comes now waits behind.
  bool is_waited_for() const { return present_.load(std::memory_order_seq_cst) != 0; }
  std::uint64_t waiting() const { return present_.load(std::memory_order_relaxed); }
  // Of these, those that were not called yet, nor come back from a node.
  std::size_t newcomers() const {
    const std::lock_guard lock(mutex_);
    return line_.size();
  }
  // There may be room that nobody has left: a limit was raised, a node takes requests again.
  void poke() {
    if (is_waited_for()) call(Call::anew);
  }

 private:
  friend class Waiter;
  static constexpr std::uint64_t kMostShed = 16;  // at a time
  enum class Call : std::uint8_t { anew, on };    // on: a call is handed on
  // uncalled: others wait, and none of them has been called.
  enum class Joined : std::uint8_t { alone, uncalled, behind, full };

  std::uint64_t bound() const {
    return std::min(most_.load(std::memory_order_seq_cst), capacity_.load(std::memory_order_seq_cst));
  }
  void call(Call how);
  Joined join(Waiter& waiter, const policy::ClientKey& client, base::Time now);
  Joined join_again(Waiter& waiter, base::Time now);
  Joined standing(const Waiter& waiter) const;
  void put_back(Waiter& waiter);
  bool part(Waiter& waiter);  // whether it was called
  void shed(base::Time now);

  std::atomic<bool> limits_{false};
  std::atomic<std::uint64_t> most_{kUnlimited}, capacity_{kUnlimited};
  alignas(64) std::atomic<std::uint64_t> in_flight_{0};
  alignas(64) std::atomic<std::uint64_t> present_{
      0};                     // those in the line, those called, and who is about to be
  mutable std::mutex mutex_;  // guards what follows; no atomic is touched under it
  policy::WaitingLine line_;
};

}  // namespace weir::core
