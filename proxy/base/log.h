// Weir's own log, to stderr: what happened, to what, and what Weir does about it. Any thread. Not for the
// data path's every request: that is the access log's.
#pragma once

#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace weir::base {

enum class LogLevel { debug, info, warning, error };

void log_line(LogLevel level, std::string_view text);

template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace weir::base
