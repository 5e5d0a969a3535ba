// What Weir's own log says of an export: that it fails, at most once a minute while it lasts, and that it
// works again. A member of its exporter; loop thread only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/time.h"

namespace weir::core {

class ExportLog {
 public:
  static constexpr base::Duration kEvery = std::chrono::minutes(1);

  explicit ExportLog(std::string to) : to_(std::move(to)) {}

  // `dropped`: spans so far, whyever.
  void note_failure(std::string_view why, std::uint64_t dropped, base::Time now);
  void note_success(std::uint64_t dropped, base::Time now);
  // The collector took an export, and had something to say.
  void note_remark(std::uint64_t rejected, std::size_t of, std::string_view remark, base::Time now);

 private:
  bool may_warn(base::Time now);

  std::string to_;
  base::Time quiet_until_{};                 // no warning before
  base::Time failing_since_ = base::kNever;  // as far as the log has told of it
};

}  // namespace weir::core
