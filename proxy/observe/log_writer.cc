#include "proxy/observe/log_writer.h"

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

namespace weir::observe {
namespace {

constexpr int kStallMs = 1000;  // how long a stalled reader may hold the end of the process

// A regular file takes everything; a pipe that polls writable has room for PIPE_BUF bytes, and more would
// block.
std::size_t bytes_at_once(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? SIZE_MAX : PIPE_BUF;
}

}  // namespace

base::Result<std::unique_ptr<LogWriter>, std::string> LogWriter::open(const std::string& path) {
  int fd = path == "stdout" ? ::dup(STDOUT_FILENO)
                            : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0)
    return base::unexpected(fmt::format("cannot open the access log {}: {}", path, std::strerror(errno)));
  return std::unique_ptr<LogWriter>(new LogWriter(fd));
}

LogWriter::LogWriter(int fd) : fd_(fd), most_at_once_(bytes_at_once(fd)), thread_([this] { run(); }) {}

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
    if (waiting_.empty()) return;
    taken.swap(waiting_);
    lock.unlock();
    for (std::string& lines : taken) {
      if (write_out(lines) == Outcome::given_up) return;
      lines.clear();
    }
    lock.lock();
    while (!taken.empty() && spare_.size() < kMostWaiting) {
      spare_.push_back(std::move(taken.back()));
      taken.pop_back();
    }
    taken.clear();
  }
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

}  // namespace weir::observe
