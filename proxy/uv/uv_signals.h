// Signals as callbacks on a loop, read from a descriptor: no handler ever interrupts a thread. For that the
// signals must be blocked in every thread, so block() comes before the process starts its first one. Loop
// thread only; one object watches all it is given.
#pragma once

#include <functional>
#include <initializer_list>

namespace weir::uv {

class UvRuntime;

class UvSignals {
 public:
  // In this thread and all that it starts from now on.
  static void block(std::initializer_list<int> signals);

  UvSignals(UvRuntime& runtime, std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~UvSignals();
  UvSignals(const UvSignals&) = delete;
  UvSignals& operator=(const UvSignals&) = delete;

 private:
  struct Watch;
  void read_all();

  UvRuntime& runtime_;
  std::function<void(int)> on_signal_;
  Watch* watch_;  // frees itself in its close callback
};

}  // namespace weir::uv
