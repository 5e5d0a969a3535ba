// A thread for work that would keep a loop from its events: tasks run there one after the other, in the order
// in which they came. run() from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace weir::base {

class Background {
 public:
  Background();
  ~Background();  // finishes the present task and drops those that wait
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void run(std::function<void()> task);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::base
