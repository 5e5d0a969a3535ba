// How many connections there are to a node, or to all nodes of a pool, over all workers; how many there may
// be (`max_connections`); and whether somebody waits for one. A share of it is taken by compare-exchange,
// never past the bound. Any thread, but for what names another.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>

namespace weir::core {

class ConnectionBound {
 public:
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

  // Control thread. `streams`: how many requests one connection takes, as far as is known; kept if it is 0.
  void allow(std::uint64_t most, std::uint64_t streams) {
    most_.store(most, std::memory_order_seq_cst);
    if (streams != 0) streams_.store(streams, std::memory_order_seq_cst);
  }
  // Whether that is news.
  bool note_streams(std::uint64_t streams) {
    return streams_.exchange(streams, std::memory_order_seq_cst) != streams;
  }

  std::uint64_t most() const { return most_.load(std::memory_order_relaxed); }
  std::uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  bool has_room() const {
    return count_.load(std::memory_order_seq_cst) < most_.load(std::memory_order_seq_cst);
  }
  bool is_exceeded() const { return count() > most(); }  // it was lowered
  // Of these, how many take no more requests, and close with their last ones.
  std::uint64_t leaving() const { return leaving_.load(std::memory_order_relaxed); }
  void add_leaving() { leaving_.fetch_add(1, std::memory_order_relaxed); }
  void remove_leaving() { leaving_.fetch_sub(1, std::memory_order_relaxed); }
  bool will_be_exceeded() const { return count() > most() && count() - most() > leaving(); }
  std::uint64_t room() const {
    const std::uint64_t held = count(), most = most_.load(std::memory_order_relaxed);
    return held < most ? most - held : 0;
  }
  // How many requests all connections take that there may be.
  std::uint64_t capacity() const {
    const std::uint64_t most = most_.load(std::memory_order_seq_cst);
    const std::uint64_t streams = streams_.load(std::memory_order_seq_cst);
    return most > kUnlimited / streams ? kUnlimited : most * streams;
  }
  // Tells `to` how many that are, whoever else does so at the same time.
  template <class To>
  void tell_capacity(To&& to) const {
    for (std::uint64_t told = capacity();; told = capacity()) {
      to(told);
      if (capacity() == told) return;
    }
  }

  // Leaving and entering is seq_cst because of who waits: a waiter makes itself known and then tries once
  // more, a leaver lowers the count and then looks for waiters.
  bool try_enter() {
    const std::uint64_t most = most_.load(std::memory_order_seq_cst);
    std::uint64_t held = count_.load(std::memory_order_seq_cst);
    while (held < most)
      if (count_.compare_exchange_weak(held, held + 1, std::memory_order_seq_cst)) return true;
    return false;
  }
  void leave() { count_.fetch_sub(1, std::memory_order_seq_cst); }

  void add_waiter() { waiters_.fetch_add(1, std::memory_order_seq_cst); }
  void remove_waiter() { waiters_.fetch_sub(1, std::memory_order_seq_cst); }
  std::uint64_t waiters() const { return waiters_.load(std::memory_order_seq_cst); }
  bool is_waited_for() const { return waiters() != 0; }

 private:
  std::atomic<std::uint64_t> most_{kUnlimited}, streams_{1};
  alignas(64) std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> waiters_{0}, leaving_{0};
};

}  // namespace weir::core
