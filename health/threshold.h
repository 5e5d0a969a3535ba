// So many of the same in a row: the count behind `fall` and `rise`. A plain value.
#pragma once

#include <cstdint>

namespace weir::health {

class Threshold {
 public:
  explicit Threshold(std::uint32_t needed) : needed_(needed) {}

  // One more in a row. True when that makes enough; the row begins anew then.
  bool reached_by_one_more() {
    if (++seen_ < needed_) return false;
    seen_ = 0;
    return true;
  }
  void interrupt() { seen_ = 0; }
  std::uint32_t seen() const { return seen_; }
  std::uint32_t needed() const { return needed_; }

 private:
  std::uint32_t needed_;
  std::uint32_t seen_ = 0;
};

}  // namespace weir::health
