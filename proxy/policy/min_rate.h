// Whether one direction of a client is slower than it may be: the bytes of at least ten seconds in which it
// was waited for, behind the first that moved and up to the latest. A silence is no business of this, however
// long: timeouts.body ends it. Pure: times are passed in.
#pragma once

#include <cstdint>

#include "proxy/base/time.h"

namespace weir::policy {

class MinRate {
 public:
  static constexpr base::Duration kWindow = std::chrono::seconds(10);

  // It was waited for so long, and then there were so many bytes: whether those of the window that has passed
  // with them are fewer than `rate` a second (0: any will do). Another window begins then.
  bool note(base::Duration waited, std::uint64_t bytes, std::uint64_t rate) {
    if (!moves_) {  // until now others of its connection may have had their turns
      moves_ = true;
      return false;
    }
    waited_ += waited;
    bytes_ += bytes;
    if (waited_ < kWindow) return false;
    const bool slow =
        static_cast<double>(bytes_) * 1e9 < static_cast<double>(rate) * static_cast<double>(waited_.count());
    waited_ = {};
    bytes_ = 0;
    return slow;
  }
  void reset() {
    waited_ = {};
    bytes_ = 0;
    moves_ = false;
  }

 private:
  base::Duration waited_{};
  std::uint64_t bytes_ = 0;
  bool moves_ = false;
};

}  // namespace weir::policy
