// A descriptor that somebody else owns, watched for what can be read from it: `on_ready` is called once when
// it became ready, and has to read on until the kernel has no more (the watch is edge-triggered). It may end
// the watch. Loop thread only; the watch ends before the descriptor is closed.
#pragma once

#include <functional>
#include <memory>

namespace weir::epoll {

class EpollRuntime;

class DescriptorWatch {
 public:
  DescriptorWatch(EpollRuntime& runtime, int fd, std::function<void()> on_ready);
  ~DescriptorWatch();
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

 private:
  class Poll;

  EpollRuntime& runtime_;
  const int fd_;
  std::unique_ptr<Poll> poll_;  // ends in the graveyard
};

}  // namespace weir::epoll
