// What this process was given at its start, and the line to the process whose place it takes, if there is
// one: that waits until this one is ready, goes on if it refuses, and leaves once it is. Taken before the
// process has threads, since it clears the environment of what is not for others; from then on control
// thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/core/snapshot.h"
#include "proxy/epoll/descriptor_watch.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/server/handover.h"
#include "proxy/server/inherited_sockets.h"

namespace weir::server {

class Inheritance {
 public:
  // The environment's variable that says under which number the line is open.
  static constexpr const char* kLine = "WEIR_HANDOVER";

  // Waits for what the other process sends, ten seconds at most. The error is for the log, and the other
  // process has been told; this one is to end.
  static base::Result<Inheritance, std::string> take();

  bool replaces_another() const { return static_cast<bool>(line_); }
  InheritedSockets& sockets() { return sockets_; }
  // What the other process said, to be taken; empty where there is none.
  Handover& handover() { return handover_; }

  // Why this process cannot take the other's place: it is to end.
  void refuse(std::string_view reason) const;
  // It takes clients. `in_charge` is called once, when the other one takes none any more.
  void be_ready(epoll::EpollRuntime& runtime, std::function<void()> in_charge);

 private:
  base::Result<void, std::string> take_over(epoll::Descriptor line);
  base::Result<void, std::string> take_sockets(std::string_view document, base::Time now,
                                               std::vector<epoll::Descriptor> descriptors);
  void on_line(const std::function<void()>& in_charge);

  epoll::Descriptor line_;
  InheritedSockets sockets_;
  Handover handover_;
  std::unique_ptr<epoll::DescriptorWatch> watch_;  // ends before the line
};

}  // namespace weir::server
