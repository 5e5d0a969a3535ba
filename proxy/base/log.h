// Weir's own log, to stderr: what happened, to what, and what Weir does about it. Any thread. Not for the
// data path's every request: that is the access log's. A line below the level costs a load and a branch.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace weir::base {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
enum class LogStyle : std::uint8_t { text, json };  // json: an object a line, of time, level, message

namespace detail {
inline std::atomic<LogLevel> least_logged{LogLevel::info};
}

// Until it is called: info, text.
void set_log(LogLevel least, LogStyle style);
inline bool logs(LogLevel level) {
  return level >= detail::least_logged.load(std::memory_order_relaxed);
}
void log_line(LogLevel level, std::string_view text);
// Lines that whoever reads stderr was too slow for.
std::uint64_t own_log_dropped_lines();

template <class... Args>
void log_at(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (logs(level)) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::debug, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::info, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::warning, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_at(LogLevel::error, format, std::forward<Args>(args)...);
}

}  // namespace weir::base
