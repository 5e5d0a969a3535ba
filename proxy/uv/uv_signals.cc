#include "proxy/uv/uv_signals.h"

#include <sys/signalfd.h>
#include <unistd.h>
#include <uv.h>

#include <csignal>

#include "proxy/base/check.h"
#include "proxy/uv/uv_runtime.h"

namespace weir::uv {
namespace {

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int number : signals) sigaddset(&set, number);
  return set;
}

}  // namespace

struct UvSignals::Watch {
  uv_poll_t handle;
  int fd;
  UvSignals* owner;
};

void UvSignals::block(std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  WEIR_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

UvSignals::UvSignals(UvRuntime& runtime, std::initializer_list<int> signals,
                     std::function<void(int)> on_signal)
    : runtime_(runtime), on_signal_(std::move(on_signal)) {
  const sigset_t set = set_of(signals);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  WEIR_CHECK(fd >= 0);
  watch_ = new Watch{{}, fd, this};
  WEIR_CHECK(uv_poll_init(runtime.loop(), &watch_->handle, fd) == 0);
  watch_->handle.data = watch_;
  uv_poll_start(&watch_->handle, UV_READABLE,
                [](uv_poll_t* handle, int, int) { static_cast<Watch*>(handle->data)->owner->read_all(); });
}

void UvSignals::read_all() {
  signalfd_siginfo info;
  while (::read(watch_->fd, &info, sizeof info) == sizeof info) on_signal_(static_cast<int>(info.ssi_signo));
  runtime_.end_callback();
}

UvSignals::~UvSignals() {
  uv_close(reinterpret_cast<uv_handle_t*>(&watch_->handle), [](uv_handle_t* handle) {
    auto* watch = static_cast<Watch*>(handle->data);
    ::close(watch->fd);
    delete watch;
  });
}

}  // namespace weir::uv
