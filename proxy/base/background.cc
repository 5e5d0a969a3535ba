#include "proxy/base/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace weir::base {
namespace {

// Of the kernel's -20 to 19. Beside loops that need all of the processor it gets about a tenth of a core.
constexpr int kNice = 10;

}  // namespace

Background::Background() : thread_([this] { work(); }) {}

Background::~Background() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  // The end of one may bring another.
  while (!tasks_.empty()) {
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    if (task.at_end == AtEnd::done) task.work();
  }
}

void Background::run(std::function<void()> task, AtEnd at_end) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back({std::move(task), at_end});
  }
  wake_.notify_one();
}

void Background::work() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);  // of this thread alone, as Linux has it
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    std::function<void()> task = std::move(tasks_.front().work);
    tasks_.pop_front();
    lock.unlock();
    task();
    task = nullptr;  // what it holds may be large, and is its own to destroy
    lock.lock();
  }
}

}  // namespace weir::base
