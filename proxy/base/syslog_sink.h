// A log to the machine's syslog, by the unix socket that it listens at, in the lines that /dev/log takes (RFC
// 3164): <30>Nov 25 12:00:00 weir[PID]: LINE, so facility daemon, severity info; one datagram a line, or one
// newline-ended record where the socket is a stream. A socket that is absent or goes away stalls the log, and
// is tried again once a second. Threads: see LogSink.
#pragma once

#include <chrono>
#include <ctime>
#include <string>

#include "proxy/base/log_sink.h"

namespace weir::base {

class SyslogSink final : public LogSink {
 public:
  static constexpr std::size_t kMostRecord = 8 * 1024;  // bytes, the header's included; a longer line is cut

  explicit SyslogSink(std::string path) : path_(std::move(path)) {}
  ~SyslogSink() override;

  Taken take(std::string_view lines) override;
  Result<void, std::string> reopen() override;  // connects anew

 private:
  using Clock = std::chrono::steady_clock;
  enum class Reach : std::uint8_t { untried, reached, unreached };

  Result<void, std::string> connect();
  Taken connect_or_wait();
  Taken send_record(std::size_t line_bytes);
  void disconnect();
  void make_record(std::string_view line);
  const std::string& header();

  const std::string path_;
  int fd_ = -1;
  Reach reach_ = Reach::untried;  // as the own log was told
  bool stream_ = false;
  Clock::time_point next_try_{};  // to connect
  std::time_t header_second_ = -1;
  std::string header_;
  std::string record_;    // of the line being sent; empty between lines
  std::size_t sent_ = 0;  // bytes of it; part of them only on a stream
};

}  // namespace weir::base
