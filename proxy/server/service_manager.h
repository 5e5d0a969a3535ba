// The service manager that started this process, if one did (systemd): it is told how Weir is, gives it
// listening sockets, and looks whether its control loop still turns. Without one nothing happens. Control
// thread only.
#pragma once

#include <sys/types.h>

#include <deque>
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
  // Waits a second for room for what the manager must hear, as who is the service now.
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // The sockets that it gave this process (socket activation). Once, before the process has threads.
  static std::vector<SocketGroup> take_sockets();
  // What it said to this process alone, and no child should take for its own.
  static constexpr std::string_view kForThisProcess[] = {
      "LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES=", "WATCHDOG_PID="};

  void be_ready(
      const std::string& status);  // from now on it is told that the loop turns, if it wants to know
  void note_reload();              // be_ready() when it is over
  void note_stop();
  // Another process is the service from now on; this one says nothing any more.
  void hand_over_to(pid_t process);

 private:
  void on_timer() override;
  void say(std::string state);
  void send_waiting();
  void set_timer();

  epoll::EpollRuntime& runtime_;
  io::Timer timer_;                      // the next sign of life, or the next attempt
  base::Duration interval_{};            // of signs of life; zero: nobody wants one
  base::Time next_sign_ = base::kNever;  // of life
  std::deque<std::string> waiting_;      // for room where the manager reads, the oldest first
  bool silent_ = false;
};

}  // namespace weir::server
