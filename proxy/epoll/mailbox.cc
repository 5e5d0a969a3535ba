#include "proxy/epoll/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "proxy/base/check.h"

namespace weir::epoll {

Mailbox::Mailbox() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  WEIR_CHECK(fd_ >= 0);
}

Mailbox::~Mailbox() {
  ::close(fd_);
}

void Mailbox::post(Task task) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(task));
  // Inside the lock: else the loop could run the task, and be gone, before it is woken.
  if (waiting_.size() == 1) WEIR_CHECK(::eventfd_write(fd_, 1) == 0);
}

std::vector<Mailbox::Task> Mailbox::take() {
  std::vector<Task> batch;
  if (std::exchange(woken_, false)) {
    const std::lock_guard lock(mutex_);
    batch.swap(waiting_);
  }
  return batch;
}

}  // namespace weir::epoll
