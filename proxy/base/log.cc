#include "proxy/base/log.h"

#include <unistd.h>

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include "proxy/base/file_sink.h"
#include "proxy/base/log_formatter.h"
#include "proxy/base/log_writer.h"

namespace weir::base {
namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Lines to stderr by a thread of its own: a reader of stderr that stalls may cost lines, and nothing else.
class Stderr final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::uint64_t dropped_lines() const { return writer_.dropped_lines(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override { writer_.submit(line_of(message), 1); }
  void flush_() override {}

  std::string line_of(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    return {line.data(), line.size()};
  }

  bool tell_of(const LogWriter::Lost& lost, LogWriter& writer) {
    const std::string text = fmt::format("this log lost {}; all goes on", lost.text());
    std::lock_guard lock(mutex_);
    return writer.try_submit(line_of({"weir", spdlog::level::warn, text}));
  }

  LogWriter writer_{
      FileSink::copy_of(STDERR_FILENO),
      {[this](LogWriter& writer, const LogWriter::Lost& lost) { return tell_of(lost, writer); }, {}}};
};

class OwnLog {
 public:
  OwnLog() : stderr_(std::make_shared<Stderr>()), logger_("weir", stderr_) {
    logger_.set_level(spdlog::level::trace);  // logs() has decided
    logger_.set_formatter(make_log_formatter(LogStyle::text));
  }
  spdlog::logger& logger() { return logger_; }
  std::uint64_t dropped_lines() const { return stderr_->dropped_lines(); }

 private:
  const std::shared_ptr<Stderr> stderr_;
  spdlog::logger logger_;
};

OwnLog& own_log() {
  static OwnLog instance;
  return instance;
}

}  // namespace

void set_log(LogLevel least, LogStyle style) {
  detail::least_logged.store(least, std::memory_order_relaxed);
  own_log().logger().set_formatter(make_log_formatter(style));
}

void log_line(LogLevel level, std::string_view text) {
  own_log().logger().log(level_of(level), spdlog::string_view_t(text.data(), text.size()));
}

std::uint64_t own_log_dropped_lines() {
  return own_log().dropped_lines();
}

}  // namespace weir::base
