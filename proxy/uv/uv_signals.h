// Signals as callbacks on a loop. Loop thread only; one object watches all it is given.
#pragma once

#include <functional>
#include <initializer_list>
#include <vector>

namespace weir::uv {

class UvRuntime;

class UvSignals {
 public:
  UvSignals(UvRuntime& runtime, std::initializer_list<int> signals, std::function<void(int)> on_signal);
  ~UvSignals();
  UvSignals(const UvSignals&) = delete;
  UvSignals& operator=(const UvSignals&) = delete;

 private:
  struct Watch;
  UvRuntime& runtime_;
  std::function<void(int)> on_signal_;
  std::vector<Watch*> watches_;  // each frees itself in its close callback
};

}  // namespace weir::uv
