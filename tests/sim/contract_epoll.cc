#include "tests/sim/contract_epoll.h"

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>

#include "proxy/epoll/listen_socket.h"
#include "proxy/epoll/socket_address.h"
#include "tests/sim/loopback.h"
#include "tests/unit/catch.h"

namespace weir::contract {

namespace {

// Fails a test that waits for what does not come.
struct Guard : io::TimerHandler {
  explicit Guard(io::Runtime& runtime) : timer(runtime.timers(), *this) {
    timer.set(runtime.now() + std::chrono::seconds(30));
  }
  void on_timer() override { over = true; }
  bool over = false;
  io::Timer timer;
};

}  // namespace

EpollDriver::EpollDriver() = default;

EpollDriver::~EpollDriver() {
  for (const int fd : extra_) ::close(fd);
}

io::ListenSocket EpollDriver::listen() {
  const auto socket = epoll::open_listen_socket(loopback(0));
  REQUIRE(socket);
  return *socket;
}

io::Address EpollDriver::address(io::ListenSocket socket) const {
  return loopback(epoll::bound_port(socket));
}

void EpollDriver::close(io::ListenSocket socket) {
  epoll::close_listen_socket(socket);
}

io::Address EpollDriver::refusing() {
  const io::ListenSocket socket = listen();
  const io::Address nobody = address(socket);
  close(socket);
  return nobody;
}

io::Address EpollDriver::failing_at_once() {
  io::Address address;
  address.kind = io::Address::Kind::unix_path;
  address.text_ = "/nonexistent/weir.sock";
  return address;
}

// A queue for one connection, and full.
io::Address EpollDriver::black_hole() {
  const io::ListenSocket socket = listen();
  ::listen(socket.fd, 0);
  extra_.push_back(socket.fd);
  const io::Address at = address(socket);
  const epoll::SocketAddress to = epoll::to_socket_address(at.ip, at.port);
  for (int i = 0; i < 3; ++i) {
    extra_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    ::connect(extra_.back(), to.get(), to.size);
  }
  return at;
}

void EpollDriver::until(const std::function<bool()>& so) {
  Guard guard(runtime_);
  while (!so()) {
    REQUIRE_FALSE(guard.over);
    runtime_.run_once();
  }
}

void EpollDriver::settle() {
  for (int i = 0; i < 10; ++i) {
    bool turned = false;
    runtime_.post([&] { turned = true; });
    until([&] { return turned; });
  }
}

}  // namespace weir::contract
