#include "proxy/epoll/descriptor_watch.h"

#include <sys/epoll.h>

#include <utility>

#include "proxy/base/check.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/watch.h"

namespace weir::epoll {

// What epoll knows of it: an event may be waiting when the watch ends, and the watch may end in its callback.
class DescriptorWatch::Poll final : public Watch {
 public:
  Poll(EpollRuntime& runtime, std::function<void()> on_ready)
      : runtime_(runtime), on_ready_(std::move(on_ready)) {}
  void end() { ended_ = true; }

 private:
  void on_ready(std::uint32_t) override {
    if (ended_) return;
    on_ready_();
    runtime_.end_callback();
  }

  EpollRuntime& runtime_;
  const std::function<void()> on_ready_;
  bool ended_ = false;
};

DescriptorWatch::DescriptorWatch(EpollRuntime& runtime, int fd, std::function<void()> on_ready)
    : runtime_(runtime), fd_(fd), poll_(std::make_unique<Poll>(runtime, std::move(on_ready))) {
  WEIR_CHECK(runtime.watch(fd, EPOLLIN, *poll_) == 0);
}

DescriptorWatch::~DescriptorWatch() {
  runtime_.unwatch(fd_);
  poll_->end();
  runtime_.graveyard().retire(std::move(poll_));
}

}  // namespace weir::epoll
