// A bound on the lines of one kind in Weir's own log, since whoever causes one can cause a million: kMost a
// second; the rest are counted in a line of the next second. One a worker and kind; loop thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/base/time.h"

namespace weir::core {

class LineBudget {
 public:
  static constexpr std::uint32_t kMost = 50;

  // `told`: of how many more, as in "7 more requests were refused".
  LineBudget(std::string_view told, base::LogLevel level) : told_(told), level_(level) {}
  bool admit(base::Time now);

 private:
  const std::string_view told_;
  const base::LogLevel level_;
  base::Time second_began_{};
  std::uint32_t written_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace weir::core
