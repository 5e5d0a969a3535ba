// One worker's access log: lines gathered in a buffer and handed to the writer when it is full or a second
// old. Loop thread only.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/log_writer.h"
#include "proxy/config/config.h"
#include "proxy/observe/record.h"

namespace weir::observe {

class AccessLog {
 public:
  AccessLog(base::LogWriter& writer, config::LogFormat format) : writer_(writer), format_(format) {}
  ~AccessLog() { hand_over(); }
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // `wall_ms` is the present in milliseconds since 1970 (UTC).
  void write(const ExchangeRecord& record, std::int64_t wall_ms);
  void hand_over();  // what is gathered goes to the writer
  bool empty() const { return lines_.empty(); }

 private:
  static constexpr std::size_t kFull = 32 * 1024;
  const std::string& stamp(std::int64_t second);

  base::LogWriter& writer_;
  config::LogFormat format_;
  std::string lines_;
  std::uint64_t count_ = 0;
  std::string stamp_;
  std::int64_t stamp_second_ = -1;
};

}  // namespace weir::observe
