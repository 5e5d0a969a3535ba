// The executor that is a thread of its own, at a lower priority than those that answer clients; a process
// that it started would be so too, for good.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "proxy/base/executor.h"

namespace weir::base {

class Background final : public Executor {
 public:
  Background();
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  using Executor::run;
  void run(std::function<void()> task, AtEnd at_end) override;

 private:
  struct Task {
    std::function<void()> work;
    AtEnd at_end;
  };

  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::base
