// One worker's access log: lines gathered in a buffer and handed to the writer when it is full or a second
// old. Loop thread only.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "balancer/rng.h"
#include "proxy/base/log_writer.h"
#include "proxy/config/config.h"
#include "proxy/observe/record.h"

namespace weir::observe {

class AccessLog {
 public:
  AccessLog(base::LogWriter& writer, config::AccessLog config, std::uint64_t seed)
      : writer_(writer), config_(std::move(config)), rng_(seed) {}
  ~AccessLog() { hand_over(); }
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Whether an exchange that ended so gets a line. One that failed (it has a reason, or a status from 500)
  // always does; of the others one in `sample`, drawn at random, so that no rhythm of the traffic hides
  // behind it.
  bool admits(base::Reason reason, int status) {
    return config_.sample == 1 || reason != base::Reason::none || status >= 500 ||
           rng_.below(config_.sample) == 0;
  }
  // `wall_ms` is the present in milliseconds since 1970 (UTC).
  void write(const ExchangeRecord& record, std::int64_t wall_ms);
  void hand_over();  // what is gathered goes to the writer
  const config::AccessLog& config() const { return config_; }
  bool empty() const { return lines_.empty(); }

 private:
  static constexpr std::size_t kFull = 32 * 1024;
  const std::string& stamp(std::int64_t second);

  base::LogWriter& writer_;
  const config::AccessLog config_;
  balancer::Rng rng_;
  std::string lines_;
  std::uint64_t count_ = 0;
  std::string stamp_;
  std::int64_t stamp_second_ = -1;
};

}  // namespace weir::observe
