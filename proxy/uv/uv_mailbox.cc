#include "proxy/uv/uv_mailbox.h"

#include <utility>

#include "proxy/base/check.h"

namespace weir::uv {

UvMailbox::UvMailbox(uv_loop_t* loop) {
  const auto on_wake = [](uv_async_t* wake) { static_cast<UvMailbox*>(wake->data)->woken_ = true; };
  WEIR_CHECK(uv_async_init(loop, &wake_, on_wake) == 0);
  wake_.data = this;
}

void UvMailbox::close() {
  uv_close(reinterpret_cast<uv_handle_t*>(&wake_), nullptr);
}

void UvMailbox::post(Task task) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(task));
  // Inside the lock: else the loop could run the task, and be gone, before it is woken.
  if (waiting_.size() == 1) uv_async_send(&wake_);
}

std::vector<UvMailbox::Task> UvMailbox::take() {
  std::vector<Task> batch;
  if (std::exchange(woken_, false)) {
    const std::lock_guard lock(mutex_);
    batch.swap(waiting_);
  }
  return batch;
}

}  // namespace weir::uv
