#include "proxy/observe/access_log.h"

#include <ctime>
#include <utility>

#include "proxy/observe/log_line.h"

namespace weir::observe {

void AccessLog::write(const ExchangeRecord& record, std::int64_t wall_ms) {
  const Stamp when{stamp(wall_ms / 1000), static_cast<unsigned>(wall_ms % 1000)};
  switch (config_.format) {
    case config::LogFormat::json:
      append_json(lines_, record, when);
      break;
    case config::LogFormat::combined:
      append_combined(lines_, record, when);
      break;
    case config::LogFormat::custom:
      append_custom(lines_, config_.custom, record, when);
      break;
  }
  ++count_;
  if (lines_.size() >= kFull) hand_over();
}

void AccessLog::hand_over() {
  if (lines_.empty()) return;
  lines_ = writer_.submit(std::move(lines_), std::exchange(count_, 0));
  lines_.reserve(kFull + 4096);
}

const std::string& AccessLog::stamp(std::int64_t second) {
  if (second == stamp_second_) return stamp_;
  stamp_second_ = second;
  std::time_t time = second;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[40];
  const char* form =
      config_.format == config::LogFormat::combined ? "%d/%b/%Y:%H:%M:%S +0000" : "%Y-%m-%dT%H:%M:%S";
  stamp_.assign(text, std::strftime(text, sizeof text, form, &utc));
  return stamp_;
}

}  // namespace weir::observe
