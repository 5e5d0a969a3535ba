// The contract's driver over epoll and loopback sockets.
#pragma once

#include <functional>
#include <vector>

#include "proxy/epoll/epoll_runtime.h"
#include "proxy/io/runtime.h"

namespace weir::contract {

class EpollDriver {
 public:
  static constexpr bool kVirtualTime = false;
  static constexpr bool kInstantNetwork = true;  // what was written is readable at the next poll
  static constexpr std::size_t kLarge = 10'000'000;

  EpollDriver();
  ~EpollDriver();
  epoll::EpollRuntime& runtime() { return runtime_; }
  io::ListenSocket listen();
  io::Address address(io::ListenSocket socket) const;
  void close(io::ListenSocket socket);
  io::Address refusing();
  io::Address failing_at_once();
  io::Address black_hole();
  void until(const std::function<bool()>& so);
  void settle();  // what was about to happen has happened

 private:
  epoll::EpollRuntime runtime_;
  std::vector<int> extra_;
};

}  // namespace weir::contract
