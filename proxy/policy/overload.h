// How overloaded Weir itself is, as a level from 0, which is well, to 3; decided from readings that come
// several times a second. It rises at once where memory says so, and where other pressures have lasted; it
// falls when what raised it has been clearly less for a while. It reads no clock. A plain value.
//
//   level | memory, of the limit | lag of the worst | free descriptors of those kept back
//   ------+----------------------+------------------+----------------------------------------------------
//   1     | 85 %                 | over 500 ms      | less than half
//   2     | 95 %                 | over 2 s         | -
//   3     | 100 %                | -                | -
//
// It falls below a level when memory is five percent of the limit below that, and the others are at half of
// theirs, for a second.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/time.h"

namespace weir::policy {

enum class OverloadCause : std::uint8_t { none, memory, lag, descriptors };
std::string_view word(OverloadCause cause);

class Overload {
 public:
  using Level = std::uint8_t;
  static constexpr Level kMost = 3;
  static constexpr Level kAcceptsNobody = 2;  // and those above

  struct Reading {
    std::uint64_t memory_used = 0;   // bytes
    std::uint64_t memory_limit = 0;  // 0: none
    base::Duration lag{};            // how late the worst worker is with what it was to do
    std::int64_t free_descriptors = 0;
    std::int64_t kept_descriptors = 0;  // that clients may not take; 0: nobody counts
  };
  struct Change {
    Level from = 0;
    Level to = 0;
    OverloadCause cause = OverloadCause::none;  // of the higher of the two
    friend bool operator==(const Change&, const Change&) = default;
  };

  // Later than the ones before. What follows, if anything does.
  std::optional<Change> note(const Reading& reading, base::Time now);
  Level level() const { return level_; }
  // Bytes that are to be let go of by that reading, which was the latest: what is over 95 % of the limit at
  // the highest level; and over 85 % where nobody has been accepted for two seconds, since clients that hold
  // memory and say little would else keep all others out.
  std::uint64_t excess(const Reading& reading, base::Time now) const;

 private:
  struct Pressure {
    Level level = 0;
    OverloadCause cause = OverloadCause::none;
  };
  // Since when something has been so without a break.
  class Lasting {
   public:
    bool note(bool holds, base::Time now);

   private:
    base::Time since_ = base::kNever;
  };

  std::optional<Change> judge(const Reading& reading, base::Time now);
  Pressure pressure(const Reading& reading, base::Time now);
  Level kept_up(const Reading& reading) const;

  Level level_ = 0;
  base::Time closed_since_ = base::kNever;  // nobody is accepted
  OverloadCause cause_ = OverloadCause::none;
  Lasting late_, very_late_, few_, calm_;
  Level calm_level_ = 0;  // the highest one since it has been calm
};

}  // namespace weir::policy
