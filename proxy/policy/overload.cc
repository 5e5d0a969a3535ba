#include "proxy/policy/overload.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;

constexpr base::Duration kLasts = 1s;
constexpr base::Duration kLate = 500ms, kVeryLate = 2s;
constexpr std::uint64_t kMemoryPercent[] = {85, 95, 100};  // of levels 1 to 3
constexpr std::uint64_t kClearly = 5;                      // percent of the limit
constexpr std::uint64_t kRelievedPercent = 95, kReopenedPercent = 85;
constexpr base::Duration kPatience = 2s;  // in which what holds memory may end by itself

// In percent of the limit, with so much added to what is used.
Overload::Level by_memory(const Overload::Reading& reading, std::uint64_t added) {
  if (reading.memory_limit == 0) return 0;
  const std::uint64_t percent = reading.memory_used * 100 / reading.memory_limit + added;
  return static_cast<Overload::Level>(
      std::upper_bound(std::begin(kMemoryPercent), std::end(kMemoryPercent), percent) -
      std::begin(kMemoryPercent));
}

bool are_few(const Overload::Reading& reading) {
  return reading.free_descriptors < reading.kept_descriptors / 2;
}

}  // namespace

std::string_view word(OverloadCause cause) {
  switch (cause) {
    case OverloadCause::memory:
      return "memory";
    case OverloadCause::lag:
      return "lag";
    case OverloadCause::descriptors:
      return "descriptors";
    case OverloadCause::none:
      break;
  }
  return "none";
}

bool Overload::Lasting::note(bool holds, base::Time now) {
  if (!holds) {
    since_ = base::kNever;
    return false;
  }
  since_ = std::min(since_, now);
  return now - since_ >= kLasts;
}

std::optional<Overload::Change> Overload::note(const Reading& reading, base::Time now) {
  const std::optional<Change> change = judge(reading, now);
  closed_since_ = level_ < kAcceptsNobody ? base::kNever : std::min(closed_since_, now);
  return change;
}

std::uint64_t Overload::excess(const Reading& reading, base::Time now) const {
  const bool for_long = closed_since_ != base::kNever && now - closed_since_ >= kPatience;
  if (reading.memory_limit == 0 || (level_ < kMost && !for_long)) return 0;
  const std::uint64_t most = reading.memory_limit / 100 * (for_long ? kReopenedPercent : kRelievedPercent);
  return reading.memory_used - std::min(reading.memory_used, most);
}

std::optional<Overload::Change> Overload::judge(const Reading& reading, base::Time now) {
  const Pressure felt = pressure(reading, now);
  const Level kept = std::max(felt.level, kept_up(reading));
  const bool was_calm = kept < level_;
  if (felt.level > level_) {
    calm_.note(false, now);
    cause_ = felt.cause;
    return Change{std::exchange(level_, felt.level), felt.level, felt.cause};
  }
  if (!was_calm) {
    calm_.note(false, now);
    calm_level_ = 0;
    return std::nullopt;
  }
  calm_level_ = std::max(calm_level_, kept);
  if (!calm_.note(true, now)) return std::nullopt;
  calm_.note(false, now);
  const Level to = std::exchange(calm_level_, 0);
  const OverloadCause was = cause_;
  cause_ = to == 0 ? OverloadCause::none : felt.level > 0 ? felt.cause : cause_;
  return Change{std::exchange(level_, to), to, was};
}

Overload::Pressure Overload::pressure(const Reading& reading, base::Time now) {
  const bool late = late_.note(reading.lag > kLate, now);
  const bool very_late = very_late_.note(reading.lag > kVeryLate, now);
  const bool few = few_.note(are_few(reading), now);
  Pressure felt{by_memory(reading, 0), OverloadCause::memory};
  if (const Level by_lag = very_late ? 2 : late ? 1 : 0; by_lag > felt.level)
    felt = {by_lag, OverloadCause::lag};
  if (few && felt.level == 0) felt = {1, OverloadCause::descriptors};
  if (felt.level == 0) felt.cause = OverloadCause::none;
  return felt;
}

// The level that a reading does not let fall any further.
Overload::Level Overload::kept_up(const Reading& reading) const {
  Level level = by_memory(reading, kClearly);
  if (reading.lag > kVeryLate / 2) level = std::max<Level>(level, 2);
  if (reading.lag > kLate / 2) level = std::max<Level>(level, 1);
  if (reading.free_descriptors < reading.kept_descriptors * 3 / 4) level = std::max<Level>(level, 1);
  return std::min(level, level_);
}

}  // namespace weir::policy
