// Tasks for a loop from any thread, in the order in which they were posted. The sender wakes the loop once a
// batch; the loop takes whole batches. Tasks still waiting when the mailbox goes are destroyed unrun.
#pragma once

#include <uv.h>

#include <functional>
#include <mutex>
#include <vector>

namespace weir::uv {

class UvMailbox {
 public:
  using Task = std::function<void()>;

  explicit UvMailbox(uv_loop_t* loop);
  UvMailbox(const UvMailbox&) = delete;
  UvMailbox& operator=(const UvMailbox&) = delete;
  void close();  // before the loop's last round; no post after it

  void post(Task task);      // any thread
  std::vector<Task> take();  // loop thread: what was posted before the loop was last woken

 private:
  uv_async_t wake_;
  bool woken_ = false;
  std::mutex mutex_;
  std::vector<Task> waiting_;
};

}  // namespace weir::uv
