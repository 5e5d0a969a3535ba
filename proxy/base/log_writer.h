// The thread that writes log lines to a file, so that nobody who has something to say ever waits for a disk
// or a pipe. Buffers of lines are handed over; when too many wait, lines are dropped and counted instead, and
// the log says so once it can. submit() from any thread.
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

namespace weir::base {

class LogWriter {
 public:
  // `path`: "stdout" or a file, which is appended to. Error: why it cannot be written, in words.
  static Result<std::unique_ptr<LogWriter>, std::string> open(const std::string& path);
  static std::unique_ptr<LogWriter> to_stderr();  // which also tells there of its own dropped lines
  ~LogWriter();  // writes what waits, for one second at most where the reader stalls
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Takes a buffer of whole lines and gives back an empty one to fill (with room where one is free).
  std::string submit(std::string lines, std::uint64_t count);
  std::uint64_t dropped_lines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  LogWriter(int fd, std::string name);
  void run();
  void tell_of_dropped();
  enum class Outcome { written, given_up };  // given up: the end has come and nobody reads
  Outcome write_out(const std::string& lines);

  static constexpr std::size_t kMostWaiting = 64;    // buffers
  static constexpr std::size_t kJoined = 32 * 1024;  // bytes of small buffers that wait as one
  const int fd_;
  const std::string name_;  // of the file; empty: stderr
  const std::size_t
      most_at_once_;  // bytes of one write; what a pipe that polls writable takes without blocking
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<std::string> waiting_;
  std::vector<std::string> spare_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t told_ = 0;  // of them, lines that the log has told of; the thread's own
  std::thread thread_;
};

}  // namespace weir::base
