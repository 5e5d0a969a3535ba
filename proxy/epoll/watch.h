// Something with a descriptor that a runtime's epoll watches, edge-triggered: it is told once that the
// descriptor became ready, and has to go on by itself until the kernel says EAGAIN. One that stops earlier
// (it is paused, or others shall have their turn) asks for go_on(). Loop thread only. It must outlive the
// turn in which its descriptor was closed or unwatched, since an event for it may already be waiting: so it
// dies in the graveyard.
#pragma once

#include <cstdint>

#include "proxy/base/intrusive_list.h"

namespace weir::epoll {

struct GoOnTag;

class Watch : public base::ListHook<GoOnTag> {
 public:
  virtual void on_ready(std::uint32_t events) = 0;  // EPOLLIN and so on
  virtual void go_on() {}                           // as asked for by EpollRuntime::go_on_later()

 protected:
  ~Watch() = default;
};

}  // namespace weir::epoll
