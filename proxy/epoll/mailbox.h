// Tasks for a loop from any thread, in the order in which they were posted. The sender wakes the loop once a
// batch; the loop takes whole batches. Tasks still waiting when the mailbox goes are destroyed unrun.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "proxy/epoll/watch.h"

namespace weir::epoll {

class Mailbox final : public Watch {
 public:
  using Task = std::function<void()>;

  Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox();

  int fd() const { return fd_; }
  void post(Task task);      // any thread
  std::vector<Task> take();  // loop thread: what was posted before the loop was last woken

 private:
  void on_ready(std::uint32_t) override { woken_ = true; }

  const int fd_;  // an eventfd; it is never read, since every write is an edge
  bool woken_ = false;
  std::mutex mutex_;
  std::vector<Task> waiting_;
};

}  // namespace weir::epoll
