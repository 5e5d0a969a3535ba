// Where work goes that would keep a loop from its events: tasks run there one after the other, in the order
// in which they came. run() from any thread.
#pragma once

#include <functional>

namespace weir::base {

class Executor {
 public:
  virtual void run(std::function<void()> task) = 0;

 protected:
  ~Executor() = default;
};

}  // namespace weir::base
