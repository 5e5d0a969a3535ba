#include "proxy/console/admin_client.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "proxy/console/answer_reader.h"

namespace weir::console {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
template <class T>
using Result = base::Result<T, std::string>;

std::string words(int error) {
  return std::strerror(error);
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Waits for a socket until a moment, or until it is cancelled.
struct Patience {
  Clock::time_point until;
  int cancel;

  // Empty once one of the events is there.
  std::string wait(int fd, short events) const {
    for (;;) {
      const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
      if (left <= 0) return "it takes too long";
      pollfd both[] = {{fd, events, 0}, {cancel, POLLIN, 0}};
      const int ready = ::poll(both, cancel >= 0 ? 2 : 1, static_cast<int>(left));
      if (ready < 0 && errno != EINTR) return words(errno);
      if (ready > 0 && cancel >= 0 && both[1].revents != 0) return "cancelled";
      if (ready > 0 && both[0].revents != 0) return {};
    }
  }
};

Result<Socket> connect_to(const sockaddr* address, socklen_t size, const Patience& patience) {
  Socket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return base::unexpected(words(errno));
  if (::connect(socket.fd(), address, size) == 0) return socket;
  if (errno != EINPROGRESS) return base::unexpected(words(errno));
  if (std::string why = patience.wait(socket.fd(), POLLOUT); !why.empty()) return base::unexpected(why);
  int error = 0;
  socklen_t error_size = sizeof error;
  ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &error_size);
  if (error != 0) return base::unexpected(words(error));
  return socket;
}

Result<Socket> connect_unix(const std::string& path, const Patience& patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());  // io::Address bounds it
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, patience);
}

// The first of the host's addresses that takes the connection.
Result<Socket> connect_host(const std::string& host, std::uint16_t port, const Patience& patience) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list); error != 0)
    return base::unexpected(std::string(::gai_strerror(error)));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::string why;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    auto socket = connect_to(each->ai_addr, each->ai_addrlen, patience);
    if (socket) return socket;
    why = socket.error();
  }
  return base::unexpected(why);
}

Result<Socket> connect_to(const io::Address& address, const Patience& patience) {
  if (address.kind == io::Address::Kind::unix_path) return connect_unix(address.text_, patience);
  const bool named = address.kind == io::Address::Kind::name;
  return connect_host(named ? address.text_ : address.ip.text(), address.port, patience);
}

// Empty once all is sent.
std::string send_all(int fd, std::string_view text, const Patience& patience) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      if (std::string why = patience.wait(fd, POLLOUT); !why.empty()) return why;
    } else if (errno != EINTR) {
      return words(errno);
    }
  }
  return {};
}

Result<AdminAnswer> receive(int fd, const Patience& patience) {
  AnswerReader reader(AdminClient::kMostBytes);
  const auto chunk = std::make_unique<char[]>(64 * 1024);
  while (!reader.done()) {
    const ssize_t got = ::recv(fd, chunk.get(), 64 * 1024, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) return base::unexpected(words(errno));
    std::string why;
    if (got < 0)
      why = patience.wait(fd, POLLIN);
    else if (got == 0)
      why = reader.take_end();
    else
      why = reader.take({chunk.get(), static_cast<std::size_t>(got)});
    if (!why.empty()) return base::unexpected(why);
  }
  return reader.release();
}

std::string host_field(const io::Address& address) {
  return address.kind == io::Address::Kind::unix_path ? "localhost" : address.text();
}

}  // namespace

AdminClient::AdminClient(AdminPlace place, int cancel) : place_(std::move(place)), cancel_(cancel) {}

Result<AdminAnswer> AdminClient::get(std::string_view path) const {
  return ask(fmt::format("GET {} HTTP/1.1", path), "\r\n", kTimeout);
}

Result<AdminAnswer> AdminClient::change(std::string_view method, std::string_view path, std::string_view json,
                                        milliseconds timeout) const {
  return ask(fmt::format("{} {} HTTP/1.1", method, path),
             fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", json.size(), json),
             timeout);
}

// `rest`: the fields that are the request's own, an empty line, the body.
Result<AdminAnswer> AdminClient::ask(std::string_view request_line, std::string_view rest,
                                     milliseconds timeout) const {
  const Clock::time_point now = Clock::now();
  const auto socket = connect_to(place_.address, {now + kConnectTimeout, cancel_});
  if (!socket) return base::unexpected(socket.error());
  const Patience patience{now + timeout, cancel_};
  const std::string token =
      place_.token.empty() ? "" : fmt::format("Authorization: Bearer {}\r\n", place_.token);
  const std::string request =
      fmt::format("{}\r\nHost: {}\r\nAccept: application/json\r\nUser-Agent: {}\r\nConnection: close\r\n{}{}",
                  request_line, host_field(place_.address), place_.agent, token, rest);
  if (std::string why = send_all(socket->fd(), request, patience); !why.empty()) return base::unexpected(why);
  return receive(socket->fd(), patience);
}

}  // namespace weir::console
