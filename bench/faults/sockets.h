// What the programs of the fault bench share: one clock, which other processes read too, and sockets that do
// not block.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace weir::bench {

[[noreturn]] inline void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

// Microseconds of the clock that is the same in all processes (Python's time.monotonic).
inline std::int64_t now_us() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000;
}

inline sockaddr_in endpoint(const char* address, const char* port) {
  sockaddr_in made{.sin_family = AF_INET,
                   .sin_port = htons(static_cast<std::uint16_t>(std::atoi(port))),
                   .sin_addr = {},
                   .sin_zero = {}};
  if (inet_pton(AF_INET, address, &made.sin_addr) != 1) fail(address);
  return made;
}

inline int new_socket() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

// Negative: refused at once.
inline int begin_connect(const sockaddr_in& to, int receive_buffer = 0) {
  int fd = new_socket(), on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

inline int open_listener(const sockaddr_in& at) {
  int fd = new_socket(), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) fail("bind");
  if (listen(fd, 4096) != 0) fail("listen");
  return fd;
}

// The other side reads ECONNRESET.
inline void close_by_reset(int fd) {
  linger none{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  close(fd);
}

// Registers, or changes what is waited for.
inline void wait_for(int epoll, int operation, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{.events = events, .data = {.u64 = id}};
  if (epoll_ctl(epoll, operation, fd, &event) != 0) fail("epoll_ctl");
}

}  // namespace weir::bench
