// Signals as callbacks on a loop, read from a descriptor: no handler ever interrupts a thread. For that the
// signals must be blocked in every thread, so block() comes before the process starts its first one. Loop
// thread only; one object watches all it is given, and lives as long as its loop turns.
#pragma once

#include <functional>
#include <initializer_list>

#include "proxy/epoll/watch.h"

namespace weir::epoll {

class EpollRuntime;

class Signals final : Watch {
 public:
  // In this thread and all that it starts from now on.
  static void block(std::initializer_list<int> signals);

  Signals(EpollRuntime& runtime, std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

 private:
  void on_ready(std::uint32_t events) override;

  EpollRuntime& runtime_;
  const std::function<void(int)> on_signal_;
  const int fd_;
};

}  // namespace weir::epoll
