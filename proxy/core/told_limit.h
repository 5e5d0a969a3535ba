// What operators have been told of a node that announces (Keep-Alive: timeout=N) that it keeps idle
// connections for less than keepalive.idle_timeout: once, until it announces less, or idle_timeout is
// another. Shared by all workers; any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "proxy/base/time.h"

namespace weir::core {

class ToldLimit {
 public:
  // Whether operators are to be told of it now.
  bool note(std::chrono::seconds announced, base::Duration idle_timeout) {
    if (announced >= idle_timeout) return false;
    const Told now{seconds_of(announced), seconds_of(idle_timeout)};
    Told before = told_.load(std::memory_order_relaxed);
    do
      if (before.idle_timeout == now.idle_timeout && before.announced <= now.announced) return false;
    while (!told_.compare_exchange_weak(before, now, std::memory_order_relaxed));
    return true;
  }

 private:
  struct Told {
    std::uint32_t announced = 0;  // seconds, as what follows is
    std::uint32_t idle_timeout = 0;
  };
  static std::uint32_t seconds_of(base::Duration span) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(span).count());
  }

  std::atomic<Told> told_{Told{}};
};

}  // namespace weir::core
