// The app server that every proxy of a benchmark stands before: one thread, epoll, HTTP/1.1 with keep-alive,
// and as little work as an honest answer allows, so that the load and this share a core without being what is
// measured. It believes its peers (proxies under test, on loopback) and is no server for anything else.
//
//   /         a small answer, 13 bytes          /browser  the same under ten fields, as applications send
//   them /1m       1 MiB                             POST      reads the body whole, then the small answer
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "bench/field.h"

namespace {

constexpr std::size_t kLarge = 1024 * 1024;

const std::string kSmall =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, world\n";
const std::string kLast =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\nConnection: close\r\n\r\nHello, "
    "world\n";
const std::string kBrowser =
    "HTTP/1.1 200 OK\r\nDate: Mon, 02 Nov 2026 10:00:00 GMT\r\nServer: origin\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Length: 13\r\nCache-Control: private, max-age=60\r\n"
    "ETag: \"5f1a-61c2d0b7e8f40\"\r\nVary: Accept-Encoding\r\nX-Content-Type-Options: nosniff\r\n"
    "Strict-Transport-Security: max-age=31536000\r\nSet-Cookie: theme=dark; Path=/; HttpOnly\r\n\r\n"
    "Hello, world\n";
const std::string kOneMegabyte =
    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(kLarge) +
    "\r\n\r\n" + std::string(kLarge, 'x');

struct Connection {
  int fd = -1;
  std::string head;           // an unfinished request head
  std::size_t body_left = 0;  // request body bytes still to be read
  const std::string* answer = &kSmall;
  std::size_t sent = 0;
  bool closing = false;  // the request said Connection: close
  std::uint32_t interest = EPOLLIN;
};

class Origin {
 public:
  Origin(std::uint16_t port, in_addr at);
  void run();

 private:
  void accept_all();
  bool on_readable(Connection& c);  // false: it is over
  bool consume(Connection& c, std::string_view bytes);
  bool take_head(Connection& c, std::string_view head);
  bool send_answer(Connection& c);
  void watch(Connection& c, std::uint32_t interest);

  int listener_;
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::array<char, 256 * 1024> buffer_;
};

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

Origin::Origin(std::uint16_t port, in_addr at)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = at, .sin_zero = {}};
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail("bind");
  if (listen(listener_, 4096) != 0) fail("listen");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) != 0) fail("epoll_ctl");
}

void Origin::run() {
  std::array<epoll_event, 256> events;
  for (;;) {
    int n = epoll_wait(epoll_, events.data(), events.size(), -1);
    for (int i = 0; i < n; ++i) {
      auto* c = static_cast<Connection*>(events[i].data.ptr);
      if (c == nullptr) {
        accept_all();
      } else if (!(c->interest == EPOLLOUT ? send_answer(*c) : on_readable(*c))) {
        close(c->fd);
        delete c;
      }
    }
  }
}

void Origin::accept_all() {
  for (;;) {
    int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto c = std::make_unique<Connection>();
    c->fd = fd;
    epoll_event event{.events = EPOLLIN, .data = {.ptr = c.get()}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
    c.release();  // owned by its epoll entry until run() deletes it
  }
}

bool Origin::on_readable(Connection& c) {
  ssize_t n = read(c.fd, buffer_.data(), buffer_.size());
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  return consume(c, {buffer_.data(), static_cast<std::size_t>(n)});
}

// Proxies do not pipeline, so what follows a request is the next one's beginning only after the answer went.
bool Origin::consume(Connection& c, std::string_view bytes) {
  if (c.body_left == 0) {
    c.head.append(bytes);
    std::size_t end = c.head.find("\r\n\r\n");
    if (end == std::string::npos) return c.head.size() < 65536;
    std::string_view rest = std::string_view(c.head).substr(end + 4);
    if (!take_head(c, std::string_view(c.head).substr(0, end + 2))) return false;
    std::size_t body = std::min(rest.size(), c.body_left);
    c.body_left -= body;
    c.head.erase(0, end + 4 + body);
  } else {
    c.body_left -= std::min(bytes.size(), c.body_left);
  }
  return c.body_left > 0 || send_answer(c);
}

bool Origin::take_head(Connection& c, std::string_view head) {
  if (!field(head, "transfer-encoding").empty()) return false;  // no scenario sends chunks
  std::string_view length = field(head, "content-length");
  std::from_chars(length.data(), length.data() + length.size(), c.body_left);
  c.closing = field(head, "connection") == "close";
  std::string_view path = head.substr(head.find(' ') + 1);
  c.answer = path.starts_with("/1m ") ? &kOneMegabyte : path.starts_with("/browser ") ? &kBrowser : &kSmall;
  if (c.closing) c.answer = &kLast;
  c.sent = 0;
  return true;
}

bool Origin::send_answer(Connection& c) {
  while (c.sent < c.answer->size()) {
    ssize_t n = send(c.fd, c.answer->data() + c.sent, c.answer->size() - c.sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      watch(c, EPOLLOUT);
      return true;
    }
    if (n < 0) return false;
    c.sent += static_cast<std::size_t>(n);
  }
  watch(c, EPOLLIN);
  return !c.closing;
}

void Origin::watch(Connection& c, std::uint32_t interest) {
  if (c.interest == interest) return;
  c.interest = interest;
  epoll_event event{.events = interest, .data = {.ptr = &c}};
  epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
}

}  // namespace

int main(int argc, char** argv) {
  in_addr at{htonl(INADDR_LOOPBACK)};
  if (argc < 2 || argc > 3 || (argc == 3 && inet_pton(AF_INET, argv[2], &at) != 1)) {
    std::fprintf(stderr, "usage: %s PORT [ADDRESS]\n", argv[0]);
    return 2;
  }
  Origin origin(static_cast<std::uint16_t>(std::atoi(argv[1])), at);
  origin.run();
}
