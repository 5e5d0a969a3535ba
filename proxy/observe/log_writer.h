// The thread that writes log lines to a file, so that no worker ever waits for a disk or a pipe. Workers hand
// over full buffers; when too many wait, lines are dropped and counted instead. submit() from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/result.h"

namespace weir::observe {

class LogWriter {
 public:
  // `path`: "stdout" or a file, which is appended to. Error: why it cannot be written, in words.
  static base::Result<std::unique_ptr<LogWriter>, std::string> open(const std::string& path);
  ~LogWriter();  // writes what waits, for one second at most where the reader stalls
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Takes a buffer of whole lines and gives back an empty one to fill (with room where one is free).
  std::string submit(std::string lines, std::uint64_t count);
  std::uint64_t dropped_lines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  explicit LogWriter(int fd);
  void run();
  enum class Outcome { written, given_up };  // given up: the end has come and nobody reads
  Outcome write_out(const std::string& lines);

  static constexpr std::size_t kMostWaiting = 64;  // buffers
  const int fd_;
  const std::size_t
      most_at_once_;  // bytes of one write; what a pipe that polls writable takes without blocking
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::string> waiting_;
  std::vector<std::string> spare_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace weir::observe
