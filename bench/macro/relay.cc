// The floor under every proxy of a benchmark: one connection to the origin for each client connection, and
// bytes copied between the two without being looked at. One thread, epoll. What a proxy costs beyond this,
// its own code costs; what this costs, the kernel does.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Pair;

// One of the two sockets of a pair, and what the other one read that this one did not take yet.
struct Side {
  Pair* pair = nullptr;
  int fd = -1;
  std::string pending;
  std::uint32_t interest = EPOLLIN;
};

struct Pair {
  Side client, origin;
  bool over = false;
  Side& other(Side& side) { return &side == &client ? origin : client; }
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

sockaddr_in loopback(int port) {
  return {.sin_family = AF_INET,
          .sin_port = htons(static_cast<std::uint16_t>(port)),
          .sin_addr = {htonl(INADDR_LOOPBACK)},
          .sin_zero = {}};
}

class Relay {
 public:
  Relay(int port, int origin_port);
  void run();

 private:
  void accept_all();
  void adopt(Side& side, Pair& pair, int fd);
  bool on_event(Side& side, std::uint32_t events);  // false: the pair is over
  bool on_readable(Side& from);
  bool drain(Side& to);
  void watch(Side& side, std::uint32_t interest);
  void bury(Pair& pair);

  int listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  sockaddr_in origin_;
  std::array<char, 64 * 1024> buffer_;
  std::vector<std::unique_ptr<Pair>> dead_;  // freed after the batch of events that may still name them
};

Relay::Relay(int port, int origin_port) : origin_(loopback(origin_port)) {
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (listen(listener_, 4096) != 0) fail("listen");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) fail("epoll_ctl");
}

void Relay::run() {
  std::array<epoll_event, 256> events;
  for (;;) {
    int n = epoll_wait(epoll_, events.data(), events.size(), -1);
    for (int i = 0; i < n; ++i) {
      auto* side = static_cast<Side*>(events[i].data.ptr);
      if (side == nullptr) {
        accept_all();
      } else if (!side->pair->over && !on_event(*side, events[i].events)) {
        bury(*side->pair);
      }
    }
    dead_.clear();
  }
}

void Relay::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(up, reinterpret_cast<sockaddr*>(&origin_), sizeof origin_) != 0 && errno != EINPROGRESS)
      fail("connect");
    auto pair = std::make_unique<Pair>();
    adopt(pair->client, *pair, fd);
    adopt(pair->origin, *pair, up);
    pair.release();  // owned by its epoll entries until bury()
  }
}

void Relay::adopt(Side& side, Pair& pair, int fd) {
  side.pair = &pair;
  side.fd = fd;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &side}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
}

bool Relay::on_event(Side& side, std::uint32_t events) {
  if ((events & EPOLLOUT) != 0 && !drain(side)) return false;
  return (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || on_readable(side);
}

bool Relay::on_readable(Side& from) {
  ssize_t n = read(from.fd, buffer_.data(), buffer_.size());
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  std::string_view bytes(buffer_.data(), static_cast<std::size_t>(n));
  Side& to = from.pair->other(from);
  ssize_t sent = send(to.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return false;
  if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  if (bytes.empty()) return true;
  to.pending.assign(bytes);
  watch(from, 0);
  watch(to, to.interest | EPOLLOUT);
  return true;
}

bool Relay::drain(Side& to) {
  ssize_t sent = send(to.fd, to.pending.data(), to.pending.size(), MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN;
  to.pending.erase(0, static_cast<std::size_t>(sent));
  if (!to.pending.empty()) return true;
  watch(to, to.interest & ~static_cast<std::uint32_t>(EPOLLOUT));
  watch(to.pair->other(to), to.pair->other(to).interest | EPOLLIN);
  return true;
}

void Relay::watch(Side& side, std::uint32_t interest) {
  if (side.interest == interest) return;
  side.interest = interest;
  epoll_event event{.events = interest, .data = {.ptr = &side}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, side.fd, &event);
}

void Relay::bury(Pair& pair) {
  close(pair.client.fd);
  close(pair.origin.fd);
  pair.over = true;
  dead_.emplace_back(&pair);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PORT ORIGIN_PORT\n", argv[0]);
    return 2;
  }
  Relay relay(std::atoi(argv[1]), std::atoi(argv[2]));
  relay.run();
}
