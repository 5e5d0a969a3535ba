#include "proxy/epoll/signals.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/epoll/epoll_runtime.h"

namespace weir::epoll {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : signals) sigaddset(&set, number);
  return set;
}

int open_signalfd(std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  return ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

}  // namespace

void Signals::block(std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  WEIR_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

Signals::Signals(EpollRuntime& runtime, std::initializer_list<int> signals,
                 std::function<void(int)> on_signal)
    : runtime_(runtime), on_signal_(std::move(on_signal)), fd_(open_signalfd(signals)) {
  WEIR_CHECK(fd_ >= 0 && runtime.watch(fd_, EPOLLIN, *this) == 0);
}

Signals::~Signals() {
  ::close(fd_);
}

void Signals::on_ready(std::uint32_t) {
  signalfd_siginfo info;
  while (::read(fd_, &info, sizeof info) == sizeof info) on_signal_(static_cast<int>(info.ssi_signo));
  runtime_.end_callback();
}

}  // namespace weir::epoll
