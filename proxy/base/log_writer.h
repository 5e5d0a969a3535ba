// The thread that writes a log's lines to its sink, so that nobody who has something to say ever waits for a
// disk, a pipe or a socket. Buffers of lines are handed over; when too many wait, lines are dropped and
// counted instead, and its owner is told, who says so. submit() and reopen() from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/log_sink.h"
#include "proxy/base/result.h"

namespace weir::base {

class LogWriter {
 public:
  struct Lost {
    std::uint64_t lines;
    std::string_view why;
    std::string text() const;  // "3 lines: WHY"
  };
  // Called by the writer's thread.
  struct Hooks {
    // Lines were lost since the last call; at once, then once in ten seconds at most. False: it cannot be
    // said now, and is asked again a second later.
    std::function<bool(LogWriter&, const Lost&)> on_lost;
    std::function<void(const Result<void, std::string>&)> on_reopened;
  };

  // Where lines go. Without a sink they are lost, and counted; empty hooks are told of nothing.
  struct Destination {
    std::unique_ptr<LogSink> sink;
    Hooks hooks;
  };

  LogWriter(std::unique_ptr<LogSink> sink, Hooks hooks);
  ~LogWriter();  // writes what waits, for one second at most where the sink stalls
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Takes a buffer of whole lines and gives back an empty one to fill (with room where one is free).
  std::string submit(std::string lines, std::uint64_t count);
  // A line about the log itself, which is no loss. False: there is no room for it.
  bool try_submit(std::string line);
  // What was submitted before goes to the sink as it is, what comes later to the one opened anew.
  void reopen();
  // The same with another destination.
  void redirect(Destination to);
  std::uint64_t dropped_lines() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  enum class Admission : std::uint8_t { joined, queued, refused };
  enum class Outcome : std::uint8_t { written, given_up };  // given up: the end has come and the sink stalls

  // Before this one of the buffers another destination begins, or the present one is opened anew.
  struct Turn {
    std::size_t at;
    std::optional<Destination> to;
  };
  // What is handed over, in order.
  struct Batch {
    std::vector<std::string> buffers;
    std::vector<Turn> turns;  // by place
  };

  Admission add(std::string& lines);
  void run();
  void await_work(std::unique_lock<std::mutex>& lock);
  Outcome write_batch();
  void carry_out(Turn& turn);
  bool is_left();
  Outcome write_out(std::string_view lines);
  bool stopping();
  void give_back_spares();
  void lose_what_waits();
  void tell_of_lost();

  static constexpr std::size_t kMostWaiting = 64;    // buffers
  static constexpr std::size_t kJoined = 32 * 1024;  // bytes of small buffers that wait as one
  static constexpr auto kTellEvery = std::chrono::seconds(10);
  static constexpr auto kAskAgain = std::chrono::seconds(1);

  // The thread's own.
  Destination to_;
  Batch taken_;
  std::uint64_t told_ = 0;  // of the dropped lines
  std::string why_;         // the latest were lost
  Clock::time_point tell_at_{};

  std::mutex mutex_;
  std::condition_variable wake_;
  Batch waiting_;
  std::vector<std::string> spare_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;
};

}  // namespace weir::base
