#include "proxy/server/service_manager.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/epoll/socket_address.h"

namespace weir::server {
namespace {

bool accepts_connections(int fd) {
  return sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0;
}

constexpr base::Duration kRetry = std::chrono::milliseconds(100);
constexpr std::size_t kMostWaiting = 16;

// As sd_notify() does it, but for one thing: a manager that does not read keeps nobody waiting. False: there
// is no room for it now.
bool tell(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (*path != '/' && *path != '@')) return true;
  sockaddr_un address{};
  const std::string_view name = path;
  if (name.size() >= sizeof address.sun_path) return true;
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path, name.size());
  if (*path == '@') address.sun_path[0] = '\0';
  const epoll::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return !socket ||
         ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                  reinterpret_cast<const sockaddr*>(&address), size) >= 0 ||
         errno != EAGAIN;
}

std::optional<SocketGroup> group_of(epoll::Descriptor socket) {
  auto bound = accepts_connections(socket.get()) ? epoll::bound_address(socket.get()) : std::nullopt;
  if (!bound) {
    base::log_warning(
        "descriptor {} was given, and is no socket that listens for TCP or on a path; it is closed",
        socket.get());
    return std::nullopt;
  }
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  SocketGroup group{SocketGroup::Use::any, SocketMaker::service_manager, *bound, *bound, {}};
  group.sockets.push_back(std::move(socket));
  return group;
}

}  // namespace

std::vector<SocketGroup> ServiceManager::take_sockets() {
  std::vector<SocketGroup> groups;
  const int count = sd_listen_fds(1);
  for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; ++fd)
    if (auto group = group_of(epoll::Descriptor(fd))) groups.push_back(std::move(*group));
  return groups;
}

ServiceManager::~ServiceManager() {
  for (int attempt = 0; !waiting_.empty() && attempt < 100; ++attempt) {
    ::poll(nullptr, 0, 10);
    send_waiting();
  }
}

void ServiceManager::be_ready(const std::string& status) {
  if (silent_) return;
  say(fmt::format("READY=1\nSTATUS={}", status));
  std::uint64_t microseconds = 0;
  if (next_sign_ != base::kNever || sd_watchdog_enabled(0, &microseconds) <= 0) return;
  interval_ = std::chrono::microseconds(microseconds) / 2;
  next_sign_ = runtime_.now();
  on_timer();
}

void ServiceManager::note_reload() {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(runtime_.now().time_since_epoch());
  say(fmt::format("RELOADING=1\nMONOTONIC_USEC={}\nSTATUS=reading the configuration", now.count()));
}

void ServiceManager::note_stop() {
  say("STOPPING=1\nSTATUS=finishing what is in flight");
}

void ServiceManager::hand_over_to(pid_t process) {
  say(fmt::format("MAINPID={}", process));
  silent_ = true;
  next_sign_ = base::kNever;
  set_timer();
}

void ServiceManager::on_timer() {
  send_waiting();
  if (runtime_.now() >= next_sign_) {
    if (waiting_.empty()) tell("WATCHDOG=1");  // one that there is no room for is as good as said
    next_sign_ = base::deadline(runtime_.now(), interval_);
  }
  set_timer();
}

void ServiceManager::say(std::string state) {
  if (silent_) return;
  if (waiting_.size() == kMostWaiting) waiting_.pop_front();
  waiting_.push_back(std::move(state));
  send_waiting();
  set_timer();
}

void ServiceManager::send_waiting() {
  while (!waiting_.empty() && tell(waiting_.front())) waiting_.pop_front();
}

void ServiceManager::set_timer() {
  const base::Time retry = waiting_.empty() ? base::kNever : base::deadline(runtime_.now(), kRetry);
  if (const base::Time next = std::min(retry, next_sign_); next != base::kNever)
    timer_.set(next);
  else
    timer_.cancel();
}

}  // namespace weir::server
