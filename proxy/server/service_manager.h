// The service manager that started this process, if one did (systemd): it is told how Weir is, gives it
// listening sockets, and looks whether its control loop still turns. Without one nothing happens. Control
// thread only.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/time.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/server/inherited_sockets.h"

namespace weir::server {

class ServiceManager final : io::TimerHandler {
 public:
  explicit ServiceManager(epoll::EpollRuntime& runtime)
      : runtime_(runtime), timer_(runtime.timers(), *this) {}
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // The sockets that it gave this process (socket activation). Once, before the process has threads.
  static std::vector<SocketGroup> take_sockets();
  // What it said to this process alone, and no child should take for its own.
  static constexpr std::string_view kForThisProcess[] = {
      "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID="};

  void be_ready(
      const std::string& status);  // from now on it is told that the loop turns, if it wants to know
  void note_reload() const;        // be_ready() when it is over
  void note_stop();
  // Another process is the service from now on; this one says nothing any more.
  void hand_over_to(pid_t process);

 private:
  void on_timer() override;
  void say(const std::string& state) const;

  epoll::EpollRuntime& runtime_;
  io::Timer timer_;            // the next sign of life
  base::Duration interval_{};  // zero: nobody wants one
  bool silent_ = false;
};

}  // namespace weir::server
