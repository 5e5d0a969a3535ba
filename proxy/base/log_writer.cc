#include "proxy/base/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"

namespace weir::base {
namespace {

constexpr int kStallMs = 1000;  // how long a stalled reader may hold the end of the process

// A regular file takes everything; a pipe that polls writable has room for PIPE_BUF bytes, and more would
// block.
std::size_t bytes_at_once(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? SIZE_MAX : PIPE_BUF;
}

// A pipe that nobody reads is refused instead of waited for.
int open_file(const char* path) {
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0644);
  if (fd >= 0) ::fcntl(fd, F_SETFL, O_APPEND);
  return fd;
}

}  // namespace

Result<std::unique_ptr<LogWriter>, std::string> LogWriter::open(const std::string& path) {
  int fd = path == "stdout" ? ::dup(STDOUT_FILENO) : open_file(path.c_str());
  if (fd < 0) return unexpected(fmt::format("cannot open the access log {}: {}", path, std::strerror(errno)));
  return std::unique_ptr<LogWriter>(new LogWriter(fd, path));
}

std::unique_ptr<LogWriter> LogWriter::to_stderr() {
  return std::unique_ptr<LogWriter>(new LogWriter(::dup(STDERR_FILENO), {}));
}

LogWriter::LogWriter(int fd, std::string name)
    : fd_(fd), name_(std::move(name)), most_at_once_(bytes_at_once(fd)), thread_([this] { run(); }) {}

LogWriter::~LogWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  ::close(fd_);
}

std::string LogWriter::submit(std::string lines, std::uint64_t count) {
  std::string spare;
  {
    std::lock_guard lock(mutex_);
    if (!waiting_.empty() && waiting_.back().size() + lines.size() <= kJoined) {
      waiting_.back() += lines;
      lines.clear();
      return lines;
    }
    if (waiting_.size() >= kMostWaiting) {
      dropped_.fetch_add(count, std::memory_order_relaxed);
      lines.clear();
      return lines;
    }
    waiting_.push_back(std::move(lines));
    if (!spare_.empty()) {
      spare = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  wake_.notify_one();
  return spare;
}

void LogWriter::run() {
  std::vector<std::string> taken;
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    const bool last = waiting_.empty();
    taken.swap(waiting_);
    lock.unlock();
    for (std::string& lines : taken) {
      if (write_out(lines) == Outcome::given_up) return;
      lines.clear();
    }
    tell_of_dropped();
    if (last) return;
    lock.lock();
    while (!taken.empty() && spare_.size() < kMostWaiting) {
      spare_.push_back(std::move(taken.back()));
      taken.pop_back();
    }
    taken.clear();
  }
}

void LogWriter::tell_of_dropped() {
  const std::uint64_t dropped = dropped_lines();
  const std::uint64_t news = dropped - std::exchange(told_, dropped);
  if (news == 0) return;
  if (!name_.empty())
    log_warning("the access log {} lost {} lines: they came faster than they could be written", name_, news);
  else
    write_out(
        fmt::format("{} lines of this log were lost: they came faster than they could be written\n", news));
}

LogWriter::Outcome LogWriter::write_out(const std::string& lines) {
  std::size_t at = 0;
  while (at < lines.size()) {
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, kStallMs) == 0) {
      std::lock_guard lock(mutex_);
      if (stopping_) return Outcome::given_up;
      continue;
    }
    ssize_t n = ::write(fd_, lines.data() + at, std::min(lines.size() - at, most_at_once_));
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) {  // a full disk or a closed pipe: these lines are lost, later ones may not be
      dropped_.fetch_add(static_cast<std::uint64_t>(
                             std::count(lines.begin() + static_cast<std::ptrdiff_t>(at), lines.end(), '\n')),
                         std::memory_order_relaxed);
      return Outcome::written;
    }
    at += static_cast<std::size_t>(n);
  }
  return Outcome::written;
}

}  // namespace weir::base
