// Through which one worker's waiters hear that they are called, from whichever thread frees a place: by
// number, so that news of one that waits no longer reaches nobody. And all of them hear here of another
// configuration, and of nodes that have changed. Owned by the worker's DataPath, and
// outlived by none of its loop's tasks. Loop thread, but for post().
#pragma once

#include <cstdint>
#include <unordered_map>

#include "proxy/io/runtime.h"

namespace weir::core {

class Waiter;

class QueueDesk {
 public:
  using Number = std::uint64_t;
  enum class News : std::uint8_t { call, shed, pushed_out };

  explicit QueueDesk(io::Runtime& runtime) : runtime_(runtime) {}

  io::Runtime& runtime() { return runtime_; }
  Number enter(Waiter& waiter) {
    waiters_.emplace(++latest_, &waiter);
    return latest_;
  }
  void leave(Number number) { waiters_.erase(number); }
  // What they wait at has changed: all are told, in a turn of its own.
  void tell_of_change() {
    if (!waiters_.empty()) runtime_.post([this] { tell_all(); });
  }
  // Any thread, as long as the waiter of that number has not left the queue: then the loop lives. Whoever
  // holds the queue's lock calls it, so it touches nothing but the mailbox.
  void post(Number number, News news) {
    runtime_.post([this, told = number << 2 | static_cast<Number>(news)] { deliver(told); });
  }

 private:
  void deliver(Number told);
  void tell_all();

  io::Runtime& runtime_;
  std::unordered_map<Number, Waiter*> waiters_;
  Number latest_ = 0;
};

}  // namespace weir::core
