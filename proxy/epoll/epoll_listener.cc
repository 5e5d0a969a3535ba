#include "proxy/epoll/epoll_listener.h"

#include <poll.h>
#include <sys/epoll.h>

#include <cerrno>

#include "proxy/base/check.h"
#include "proxy/epoll/descriptors.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/epoll_transport.h"
#include "proxy/epoll/socket_address.h"
#include "proxy/epoll/watch.h"

namespace weir::epoll {

namespace {

constexpr int kAcceptBatch = 64;  // accepted before other connections get their turn
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

// What epoll knows of a listener. It is told of a client once, so whoever stops before the queue is empty has
// to go on later.
struct EpollListener::Poll final : Watch {
  explicit Poll(EpollListener& of) : owner(&of) {}
  void on_ready(std::uint32_t) override { go_on(); }
  void go_on() override {
    if (owner != nullptr && owner->state_ == State::accepting) owner->accept_waiting();
  }
  EpollListener* owner;  // null once the listener has gone
};

EpollListener::EpollListener(EpollRuntime& runtime, io::ListenSocket socket, io::AcceptHandler& handler)
    : runtime_(runtime),
      socket_(socket),
      handler_(handler),
      poll_(std::make_unique<Poll>(*this)),
      retry_(runtime.timers(), *this) {
  WEIR_CHECK(runtime.watch(socket.fd, EPOLLIN, *poll_) == 0);
}

EpollListener::~EpollListener() {
  runtime_.unwatch(socket_.fd);
  poll_->owner = nullptr;
  poll_->unlink();
  runtime_.graveyard().retire(std::move(poll_));
}

void EpollListener::pause() {
  state_ = State::paused;
  retry_.cancel();
  Deferred::unlink();
}

void EpollListener::resume() {
  if (state_ == State::paused) start();
}

void EpollListener::start() {
  if (!may_accept()) return wait_for_descriptors();
  state_ = State::accepting;
  retry_.cancel();
  Deferred::unlink();
  runtime_.go_on_later(*poll_);
}

bool EpollListener::may_accept() const {
  return handler_.takes_reserve() || descriptors::plenty();
}

void EpollListener::wait_for_descriptors() {
  state_ = State::short_of_descriptors;
  retry_.set(runtime_.now() + kRetry);
  runtime_.await_descriptor(*this);
  if (somebody_waits()) handler_.on_short_of_descriptors();
}

bool EpollListener::somebody_waits() const {
  pollfd asked{.fd = socket_.fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) == 1;
}

void EpollListener::accept_waiting() {
  const Poll* const poll = poll_.get();  // outlives this listener, which may be destroyed by its handler
  EpollRuntime& runtime = runtime_;
  for (int i = 0; i < kAcceptBatch; ++i) {
    if (!may_accept()) return wait_for_descriptors();
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
  runtime.go_on_later(*poll_);
}

io::TransportPtr EpollListener::adopt(int fd, const sockaddr* peer) {
  return EpollTransport::adopt(runtime_, fd, ip_of(peer), port_of(peer));
}

}  // namespace weir::epoll
