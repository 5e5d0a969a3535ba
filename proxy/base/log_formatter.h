// How the lines of Weir's own log look. Text: TIME LEVEL MESSAGE, with the local time and its offset. JSON:
// an object a line, {"time":...,"level":...,"message":...}, with the time in UTC and whatever is not plain
// ASCII escaped.
#pragma once

#include <memory>

#include <spdlog/formatter.h>

#include "proxy/base/log.h"

namespace weir::base {

std::unique_ptr<spdlog::formatter> make_log_formatter(LogStyle style);

}  // namespace weir::base
