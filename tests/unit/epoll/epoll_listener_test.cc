// What only real sockets have: descriptors that run out, and loops that sleep.
#include "proxy/epoll/epoll_listener.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <vector>

#include "proxy/epoll/descriptors.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/listen_socket.h"
#include "proxy/epoll/socket_address.h"
#include "tests/unit/catch.h"

namespace weir::epoll {

namespace {

struct Silent : io::TransportHandler {
  void on_read(std::string_view) override {}
  void on_read_end() override { ended = true; }
  void on_read_error(const base::Error&) override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_write_error(const base::Error&) override {}
  bool ended = false;
};

struct Acceptor : io::AcceptHandler {
  std::vector<io::TransportPtr> accepted;
  void on_accept(io::TransportPtr transport) override { accepted.push_back(std::move(transport)); }
};

struct Ring : io::TimerHandler {
  explicit Ring(io::Runtime& runtime) : timer(runtime.timers(), *this) {}
  void on_timer() override { rang = true; }
  bool rang = false;
  io::Timer timer;
};

// A process with few descriptors, and clients that connect from outside the loop.
struct Scarce {
  Scarce() {
    getrlimit(RLIMIT_NOFILE, &before);
    io::Address address;
    address.ip.family = io::Ip::Family::v4;
    address.ip.bytes = {127, 0, 0, 1};
    socket = open_listen_socket(address).value();
    listener = runtime.listen(socket, acceptor);
  }
  ~Scarce() {
    listener.reset();
    acceptor.accepted.clear();
    for (const int fd : clients) ::close(fd);
    close_listen_socket(socket);
    setrlimit(RLIMIT_NOFILE, &before);
    descriptors::measure();
  }
  void allow(std::int64_t fds) {
    rlimit rule = before;
    rule.rlim_cur = static_cast<rlim_t>(fds);
    REQUIRE(setrlimit(RLIMIT_NOFILE, &rule) == 0);
  }
  void connect_clients(int n) {
    const SocketAddress to =
        to_socket_address(io::Ip{io::Ip::Family::v4, {127, 0, 0, 1}}, bound_port(socket));
    for (int i = 0; i < n; ++i) {
      clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      REQUIRE(::connect(clients.back(), to.get(), to.size) == 0);
    }
  }
  // Iterations of the loop in the next `span`.
  int iterations(base::Duration span) {
    Ring ring(runtime);
    bool started = false;
    runtime.post([&] {
      ring.timer.set(runtime.now() + span);
      started = true;
    });
    int n = 0;
    for (; !started || !ring.rang; ++n) runtime.run_once();
    return n;
  }
  void until(const std::function<bool()>& so) {
    Ring guard(runtime);
    guard.timer.set(runtime.now() + std::chrono::seconds(20));
    while (!so()) {
      REQUIRE_FALSE(guard.rang);
      runtime.run_once();
    }
  }
  bool nobody_was_closed() {
    for (const int fd : clients) {
      char byte = 0;
      if (::recv(fd, &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN) return false;
    }
    return true;
  }

  rlimit before{};
  EpollRuntime runtime;
  Acceptor acceptor;
  io::ListenSocket socket;
  std::unique_ptr<io::Listener> listener;
  std::vector<int> clients;
};

}  // namespace

TEST_CASE("a listener leaves descriptors for others, and goes on when one comes free") {
  Scarce world;
  world.connect_clients(10);
  descriptors::measure();
  world.allow((descriptors::in_use() + 4) * 4 / 3);  // of few, a quarter is kept back
  descriptors::measure();
  CHECK(world.iterations(std::chrono::milliseconds(250)) < 30);
  CHECK(world.acceptor.accepted.size() == 4);
  CHECK(world.nobody_was_closed());
  world.acceptor.accepted.pop_back();
  world.until([&] { return world.acceptor.accepted.size() == 4; });
  CHECK_FALSE(descriptors::plenty());
  world.allow(static_cast<std::int64_t>(world.before.rlim_cur));
  descriptors::measure();
  world.until([&] { return world.acceptor.accepted.size() == 9; });
}

TEST_CASE("EMFILE: nobody is closed, nothing spins, and it goes on") {
  Scarce world;
  world.connect_clients(10);
  descriptors::measure();
  const std::int64_t open = descriptors::in_use();
  world.allow(open + 4);  // unknown to the count
  CHECK(world.iterations(std::chrono::milliseconds(350)) < 40);
  CHECK(world.acceptor.accepted.size() < 10);
  CHECK(world.nobody_was_closed());
  world.allow(open + 100);
  world.until([&] { return world.acceptor.accepted.size() == 10; });
  CHECK(world.nobody_was_closed());
}

#ifndef __SANITIZE_ADDRESS__  // which itself needs descriptors to look at a vptr
TEST_CASE("a connect without a descriptor fails, later") {
  Scarce world;
  struct Failing : Silent {
    void on_connect_failed(const base::Error&) override { failed = true; }
    bool failed = false;
  } peer;
  io::Address to;
  to.ip = {io::Ip::Family::v4, {127, 0, 0, 1}};
  to.port = bound_port(world.socket);
  world.allow(3);
  const io::TransportPtr transport = world.runtime.connect(to, peer);
  CHECK_FALSE(peer.failed);
  world.until([&] { return peer.failed; });
}
#endif

TEST_CASE("a worker's connects leave the last descriptors to the control thread") {
  Scarce world;
  struct Connecting : Silent {
    void on_connected() override { connected = true; }
    void on_connect_failed(const base::Error& error) override { why = error.reason; }
    bool connected = false;
    base::Reason why = base::Reason::none;
    bool over() const { return connected || why != base::Reason::none; }
  };
  io::Address to;
  to.ip = {io::Ip::Family::v4, {127, 0, 0, 1}};
  to.port = bound_port(world.socket);
  EpollRuntime control(EpollRuntime::Last::taken);
  descriptors::measure();
  world.listener->pause();
  const std::int64_t open = descriptors::in_use();
  const std::int64_t limit = open * 16 / 15 + 16;  // a quarter is kept back, a sixteenth are the last
  world.allow(limit);
  descriptors::measure();
  std::vector<std::unique_ptr<Connecting>> peers;
  std::vector<io::TransportPtr> transports;
  const auto connect = [&](EpollRuntime& runtime) -> Connecting& {
    peers.push_back(std::make_unique<Connecting>());
    transports.push_back(runtime.connect(to, *peers.back()));
    return *peers.back();
  };
  while (descriptors::in_use() < limit - limit / 16) connect(world.runtime);
  Connecting& one_more = connect(world.runtime);
  Connecting& check = connect(control);
  world.until([&] { return one_more.over(); });
  while (!check.over()) control.run_once();
  CHECK(one_more.why == base::Reason::overloaded);
  CHECK(check.connected);
}

TEST_CASE("a loop without timers sleeps") {
  Scarce world;
  CHECK(world.iterations(std::chrono::milliseconds(500)) < 10);
}

TEST_CASE("descriptors are counted back") {
  Scarce world;
  descriptors::measure();
  const std::int64_t before = descriptors::in_use();
  world.connect_clients(5);
  world.until([&] { return world.acceptor.accepted.size() == 5; });
  CHECK(descriptors::in_use() == before + 5);
  world.acceptor.accepted.clear();
  CHECK(descriptors::in_use() == before);
}

TEST_CASE("raising the limit") {
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit low = before;
  low.rlim_cur = 100;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &low) == 0);
  descriptors::raise_limit();
  rlimit after{};
  getrlimit(RLIMIT_NOFILE, &after);
  CHECK(after.rlim_cur == before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
  descriptors::measure();
}

}  // namespace weir::epoll
