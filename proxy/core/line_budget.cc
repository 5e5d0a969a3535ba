#include "proxy/core/line_budget.h"

#include <chrono>
#include <utility>

namespace weir::core {

bool LineBudget::admit(base::Time now) {
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    written_ = 0;
    if (const std::uint64_t more = std::exchange(left_out_, 0); more > 0)
      base::log_at(level_, "{} more {}, each without a line here", more, told_);
  }
  if (++written_ <= kMost) return true;
  ++left_out_;
  return false;
}

}  // namespace weir::core
