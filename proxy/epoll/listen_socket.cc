#include "proxy/epoll/listen_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "proxy/epoll/descriptor.h"
#include "proxy/epoll/socket_address.h"
#include "proxy/epoll/system_error.h"

namespace weir::epoll {

namespace {

constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn

enum class Sharing { none, with_own_sockets };
using Socket = base::Result<io::ListenSocket, std::string>;

base::unexpected<std::string> failed(int error) {
  return base::unexpected(std::string(in_words(error)));
}

void switch_on(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

void set_seconds(int fd, int option, int seconds) {
  ::setsockopt(fd, IPPROTO_TCP, option, &seconds, sizeof seconds);
}

// A client that has vanished is noticed by the kernel, some minutes after the last that was heard of it:
// where a stream may be silent for as long as it likes, nobody else would.
void keep_alive(int fd) {
  switch_on(fd, SOL_SOCKET, SO_KEEPALIVE);
  set_seconds(fd, TCP_KEEPIDLE, 300);
  set_seconds(fd, TCP_KEEPINTVL, 30);
  const int probes = 4;
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

// Accepted sockets inherit TCP_NODELAY, and that they are kept alive.
Socket open_ip(const io::Address& address, Sharing sharing, Begin begin) {
  const SocketAddress at = to_socket_address(address.ip, address.port);
  const int family = at.storage.ss_family;
  Descriptor fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failed(errno);
  switch_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (sharing == Sharing::with_own_sockets) switch_on(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (family == AF_INET6) switch_on(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  switch_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);
  keep_alive(fd.get());
  if (::bind(fd.get(), at.get(), at.size) != 0) return failed(errno);
  if (begin == Begin::now && ::listen(fd.get(), kBacklog) != 0) return failed(errno);
  return io::ListenSocket{fd.let_go()};
}

bool is_socket(const std::string& path) {
  struct stat found{};
  return ::lstat(path.c_str(), &found) == 0 && S_ISSOCK(found.st_mode);
}

// A file that a dead process left: nobody answers.
bool is_stale(const SocketAddress& at) {
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return probe.get() >= 0 && ::connect(probe.get(), at.get(), at.size) != 0 && errno == ECONNREFUSED;
}

Socket open_unix(const std::string& path, Begin begin) {
  if (path.size() > io::kLongestUnixPath)
    return base::unexpected(std::string("path too long (at most 107 bytes)"));
  const SocketAddress at = to_socket_address(path);
  Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return failed(errno);
  if (::bind(fd.get(), at.get(), at.size) != 0) {
    if (errno != EADDRINUSE) return failed(errno);
    if (!is_socket(path)) return base::unexpected(std::string("the path exists and is not a socket"));
    if (!is_stale(at)) return failed(EADDRINUSE);
    ::unlink(path.c_str());
    if (::bind(fd.get(), at.get(), at.size) != 0) return failed(errno);
  }
  if (begin == Begin::now && ::listen(fd.get(), kBacklog) != 0) return failed(errno);
  return io::ListenSocket{fd.let_go()};
}

Socket duplicate(io::ListenSocket socket) {
  const int fd = ::fcntl(socket.fd, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) return failed(errno);
  return io::ListenSocket{fd};
}

Socket another(const io::Address& address, io::ListenSocket first, Begin begin) {
  return address.kind == io::Address::Kind::ip ? open_ip(address, Sharing::with_own_sockets, begin)
                                               : duplicate(first);
}

// `open` gives a socket, or nothing more is opened, and what was is closed again.
template <class Open>
base::Result<std::vector<io::ListenSocket>, std::string> open_so_many(std::size_t count, Open open) {
  std::vector<io::ListenSocket> sockets;
  while (sockets.size() < count) {
    const Socket socket = open(sockets);
    if (!socket) {
      for (const io::ListenSocket opened : sockets) close_listen_socket(opened);
      return base::unexpected(socket.error());
    }
    sockets.push_back(*socket);
  }
  return sockets;
}

}  // namespace

// The probe for other listeners must not take connections, not even for a moment.
base::Result<std::vector<io::ListenSocket>, std::string> open_listen_sockets(const io::Address& address,
                                                                             std::size_t count, Begin begin) {
  if (address.kind == io::Address::Kind::ip && address.port != 0) {
    const Socket probe = open_ip(address, Sharing::none, Begin::later);
    if (!probe) return base::unexpected(probe.error());
    close_listen_socket(*probe);
  }
  io::Address at = address;
  return open_so_many(count, [&](const std::vector<io::ListenSocket>& open) -> Socket {
    if (open.empty()) return open_listen_socket(at, begin);
    if (at.port == 0) at.port = bound_port(open.front());
    return another(at, open.front(), begin);
  });
}

base::Result<std::vector<io::ListenSocket>, std::string> open_more_listen_sockets(const io::Address& address,
                                                                                  std::size_t count,
                                                                                  Begin begin) {
  return open_so_many(count, [&](const auto&) { return open_listen_socket(address, begin); });
}

base::Result<void, std::string> start_listening(io::ListenSocket socket) {
  if (::listen(socket.fd, kBacklog) != 0) return failed(errno);
  return {};
}

base::Result<std::vector<io::ListenSocket>, std::string> duplicate_listen_socket(io::ListenSocket socket,
                                                                                 std::size_t count) {
  return open_so_many(count, [&](const auto&) { return duplicate(socket); });
}

base::Result<io::ListenSocket, std::string> open_listen_socket(const io::Address& address, Begin begin) {
  switch (address.kind) {
    case io::Address::Kind::ip:
      return open_ip(address, Sharing::with_own_sockets, begin);
    case io::Address::Kind::unix_path:
      return open_unix(address.text_, begin);
    case io::Address::Kind::name:
      break;
  }
  return base::unexpected(std::string("an IP address or a unix socket's path is needed"));
}

void close_listen_socket(io::ListenSocket socket) {
  ::close(socket.fd);
}

std::uint16_t bound_port(io::ListenSocket socket) {
  SocketAddress at;
  at.size = sizeof at.storage;
  if (::getsockname(socket.fd, reinterpret_cast<sockaddr*>(&at.storage), &at.size) != 0) return 0;
  return port_of(at.get());
}

}  // namespace weir::epoll
