#include "proxy/base/syslog_sink.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"

namespace weir::base {
namespace {

constexpr int kDaemonInfo = 3 * 8 + 6;  // facility and severity
constexpr auto kBetweenTries = std::chrono::milliseconds(LogSink::kStallMs);

struct Socket {
  int fd;  // -1: errno says why
  int type;
};

Socket connected_socket(const std::string& path, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return {fd, type};
  const int why = errno;
  ::close(fd);
  errno = why;
  return {-1, type};
}

Socket connected_socket(const std::string& path) {
  const Socket datagrams = connected_socket(path, SOCK_DGRAM);
  return datagrams.fd < 0 && errno == EPROTOTYPE ? connected_socket(path, SOCK_STREAM) : datagrams;
}

}  // namespace

SyslogSink::~SyslogSink() {
  disconnect();
}

LogSink::Taken SyslogSink::take(std::string_view lines) {
  if (fd_ < 0) return connect_or_wait();
  const std::size_t end = lines.find('\n');
  if (record_.empty()) make_record(lines.substr(0, end));
  pollfd ready{fd_, POLLOUT, 0};
  if (::poll(&ready, 1, kStallMs) <= 0) return {0, 0, "it is full, and nobody reads it"};
  return send_record(end + 1);
}

LogSink::Taken SyslogSink::connect_or_wait() {
  std::this_thread::sleep_until(next_try_);
  auto connected = connect();
  return {0, 0, connected ? std::string() : connected.error()};
}

LogSink::Taken SyslogSink::send_record(std::size_t line_bytes) {
  const ssize_t n = ::send(fd_, record_.data() + sent_, record_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n >= 0) {
    sent_ += static_cast<std::size_t>(n);
    if (sent_ < record_.size()) return {};
    record_.clear();
    return {line_bytes, 0, {}};
  }
  if (errno == EINTR || errno == EAGAIN) return {};
  if (errno == EMSGSIZE || errno == ENOBUFS) {
    record_.clear();
    return {line_bytes, 1, std::strerror(errno)};
  }
  disconnect();  // the line goes to whoever listens there next
  return {};
}

void SyslogSink::make_record(std::string_view line) {
  sent_ = 0;
  record_ = header();
  record_ += line.substr(0, kMostRecord - record_.size());
  if (stream_) record_ += '\n';
}

const std::string& SyslogSink::header() {
  const std::time_t now = std::time(nullptr);
  if (now == header_second_) return header_;
  header_second_ = now;
  std::tm local{};
  ::localtime_r(&now, &local);
  char stamp[32];
  const std::size_t size = std::strftime(stamp, sizeof stamp, "%b %e %H:%M:%S", &local);
  header_ = fmt::format("<{}>{} weir[{}]: ", kDaemonInfo, std::string_view(stamp, size), ::getpid());
  return header_;
}

Result<void, std::string> SyslogSink::connect() {
  next_try_ = Clock::now() + kBetweenTries;
  const Socket socket = connected_socket(path_);
  if (socket.fd < 0) {
    const std::string why = std::strerror(errno);
    if (fd_ < 0 && std::exchange(reach_, Reach::unreached) != Reach::unreached)
      log_warning(
          "cannot reach syslog at {}: {}; access log lines wait while there is room for them, and it is "
          "tried again every second",
          path_, why);
    return unexpected(why);
  }
  disconnect();
  fd_ = socket.fd;
  stream_ = socket.type == SOCK_STREAM;
  if (std::exchange(reach_, Reach::reached) == Reach::unreached)
    log_info("syslog at {} is reached again; the access log goes on there", path_);
  return {};
}

Result<void, std::string> SyslogSink::reopen() {
  return connect();
}

void SyslogSink::disconnect() {
  record_.clear();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace weir::base
