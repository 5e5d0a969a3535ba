#include "proxy/base/file_sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <mutex>
#include <utility>

#include <fmt/format.h>

namespace weir::base {
namespace {

// A regular file takes everything; a pipe that polls writable has room for PIPE_BUF bytes, and more would
// block.
std::size_t bytes_at_once(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? SIZE_MAX : PIPE_BUF;
}

// A pipe without a reader can be opened only by one that could also read it.
Result<int, std::string> open_to_append(const std::string& path) {
  constexpr int kFlags = O_APPEND | O_CLOEXEC | O_NONBLOCK;
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | kFlags, 0644);
  struct stat status{};
  if (fd < 0 && errno == ENXIO && ::stat(path.c_str(), &status) == 0) {
    if (S_ISSOCK(status.st_mode))
      return unexpected(fmt::format("it is a unix socket; did you mean syslog:{}?", path));
    fd = ::open(path.c_str(), O_RDWR | kFlags);
  }
  if (fd < 0) return unexpected(std::string(std::strerror(errno)));
  ::fcntl(fd, F_SETFL, O_APPEND);
  return fd;
}

}  // namespace

Result<std::unique_ptr<LogSink>, std::string> FileSink::open(const std::string& path) {
  const auto fd = open_to_append(path);
  if (!fd) return unexpected(fd.error());
  return std::unique_ptr<LogSink>(new FileSink(*fd, path));
}

std::unique_ptr<LogSink> FileSink::copy_of(int fd) {
  return std::unique_ptr<LogSink>(new FileSink(::fcntl(fd, F_DUPFD_CLOEXEC, 0), {}));
}

FileSink::FileSink(int fd, std::string path)
    : fd_(fd), path_(std::move(path)), most_at_once_(bytes_at_once(fd)) {}

FileSink::~FileSink() {
  ::close(fd_);
}

LogSink::Taken FileSink::take(std::string_view lines) {
  if (most_at_once_ == SIZE_MAX) return write(lines);
  pollfd ready{fd_, POLLOUT, 0};
  {
    // Both Weir's logs may go to one pipe: the room that both have seen is there for one of them.
    static std::mutex pipes;
    std::lock_guard lock(pipes);
    if (::poll(&ready, 1, 0) > 0) return write(lines);
  }
  if (::poll(&ready, 1, kStallMs) <= 0) return {0, 0, "it is full, and nobody reads it"};
  return {};  // there is room again: another turn
}

LogSink::Taken FileSink::write(std::string_view lines) {
  if (place_ == Place::torn_line) {
    if (::write(fd_, "\n", 1) != 1) return failed(lines);
    place_ = Place::line_begin;
  }
  const std::string_view piece = at_once(lines);
  const ssize_t n = ::write(fd_, piece.data(), piece.size());
  if (n <= 0) return failed(lines);
  const auto bytes = static_cast<std::size_t>(n);
  place_ = lines[bytes - 1] == '\n' ? Place::line_begin : Place::mid_line;
  return {bytes, 0, {}};
}

// Whole lines where there are any: what is written at once stands together.
std::string_view FileSink::at_once(std::string_view lines) const {
  if (lines.size() <= most_at_once_) return lines;
  const std::size_t end = lines.rfind('\n', most_at_once_ - 1);
  return lines.substr(0, end == lines.npos ? most_at_once_ : end + 1);
}

// These lines are lost, later ones may not be.
LogSink::Taken FileSink::failed(std::string_view lines) {
  if (errno == EINTR || errno == EAGAIN) return {};
  if (place_ == Place::mid_line) place_ = Place::torn_line;
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  return {lines.size(), static_cast<std::uint64_t>(count), std::strerror(errno)};
}

Result<void, std::string> FileSink::reopen() {
  if (path_.empty()) return {};
  const auto fd = open_to_append(path_);
  if (!fd) return unexpected(fd.error());
  ::close(std::exchange(fd_, *fd));
  most_at_once_ = bytes_at_once(fd_);
  place_ = Place::line_begin;
  return {};
}

}  // namespace weir::base
