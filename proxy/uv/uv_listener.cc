#include "proxy/uv/uv_listener.h"

#include <uv.h>

#include <cerrno>

#include "proxy/base/check.h"
#include "proxy/uv/descriptors.h"
#include "proxy/uv/socket_address.h"
#include "proxy/uv/uv_runtime.h"
#include "proxy/uv/uv_transport.h"

namespace weir::uv {

namespace {

constexpr int kBatch = 64;  // accepted before other connections get their turn
constexpr base::Duration kRetry = std::chrono::milliseconds(100);

// The failed connection has been taken from the queue, or there was none: the next call may succeed
// (accept(2)).
bool concerns_one_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct UvListener::Poll {
  uv_poll_t handle;
  UvListener* owner;  // null once the listener has gone
};

UvListener::UvListener(UvRuntime& runtime, io::ListenSocket socket, io::AcceptHandler& handler)
    : runtime_(runtime),
      socket_(socket),
      handler_(handler),
      poll_(new Poll{.handle = {}, .owner = this}),
      retry_(runtime.timers(), *this) {
  WEIR_CHECK(uv_poll_init(runtime.loop(), &poll_->handle, socket.fd) == 0);
  poll_->handle.data = poll_;
  start();
}

UvListener::~UvListener() {
  poll_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_->handle),
           [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
}

void UvListener::pause() {
  state_ = State::paused;
  retry_.cancel();
  Deferred::unlink();
  uv_poll_stop(&poll_->handle);
}

void UvListener::resume() {
  if (state_ == State::paused) start();
}

void UvListener::start() {
  if (!descriptors::plenty()) return wait_for_descriptors();
  state_ = State::accepting;
  retry_.cancel();
  Deferred::unlink();
  // A socket that broke (EBADF) is tried again as well: accept4 will say what is wrong.
  uv_poll_start(&poll_->handle, UV_READABLE, [](uv_poll_t* handle, int, int) {
    static_cast<Poll*>(handle->data)->owner->accept_waiting();
  });
}

void UvListener::wait_for_descriptors() {
  state_ = State::short_of_descriptors;
  uv_poll_stop(&poll_->handle);
  retry_.set(runtime_.now() + kRetry);
  runtime_.await_descriptor(*this);
}

void UvListener::accept_waiting() {
  const Poll* const poll = poll_;  // outlives this listener, which may be destroyed by its handler
  UvRuntime& runtime = runtime_;
  for (int i = 0; i < kBatch; ++i) {
    if (!descriptors::plenty()) return wait_for_descriptors();
    sockaddr_storage storage;
    auto* peer = reinterpret_cast<sockaddr*>(&storage);
    socklen_t size = sizeof storage;
    const int fd = ::accept4(socket_.fd, peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN) return;
      if (concerns_one_connection(errno)) continue;
      return wait_for_descriptors();
    }
    if (io::TransportPtr transport = adopt(fd, peer)) {
      handler_.on_accept(std::move(transport));
      runtime.end_callback();
    }
    if (poll->owner == nullptr || state_ != State::accepting) return;
  }
}

io::TransportPtr UvListener::adopt(int fd, const sockaddr* peer) {
  return UvTransport::adopt(runtime_, fd, ip_of(peer), port_of(peer));
}

}  // namespace weir::uv
