// Where work goes that would keep a loop from its events: tasks run there one after the other, in the order
// in which they came. When it ends, those that wait are dropped, but for what has to be done even then. run()
// from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace weir::base {

class Executor {
 public:
  enum class AtEnd : std::uint8_t { dropped, done };

  void run(std::function<void()> task) { run(std::move(task), AtEnd::dropped); }
  virtual void run(std::function<void()> task, AtEnd at_end) = 0;

 protected:
  ~Executor() = default;
};

}  // namespace weir::base
