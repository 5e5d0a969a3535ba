#include "proxy/core/learned_limits.h"

#include <algorithm>

namespace weir::core {
namespace {

using base::Duration;
using base::Time;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr Duration kCarefulWhileUnknown = std::chrono::milliseconds(500);

}  // namespace

bool LearnedLimits::known(const std::atomic<std::int64_t>& at, Time now) const {
  return now.time_since_epoch().count() - at.load(kRelaxed) < kMemory.count();
}

void LearnedLimits::note_close(Duration idle, std::uint32_t served, Time now) {
  const std::int64_t at = now.time_since_epoch().count();
  if (idle < kAtOnce) return note_count(served, now);
  if (idle < kShortest) return;
  std::int64_t limit = idle_ns_.load(kRelaxed);
  if (limit != 0 && limit < idle.count() && known(idle_at_, now)) return;
  idle_ns_.store(idle.count(), kRelaxed);
  idle_at_.store(at, kRelaxed);
}

void LearnedLimits::set_count(std::uint32_t served, std::uint32_t sightings, Time at) {
  sightings_.store(sightings, kRelaxed);
  requests_.store(served, kRelaxed);
  requests_at_.store(at.time_since_epoch().count(), kRelaxed);
}

void LearnedLimits::note_count(std::uint32_t served, Time now) {
  const std::uint32_t limit = known(requests_at_, now) ? requests_.load(kRelaxed) : 0;
  const std::uint32_t sightings = sightings_.load(kRelaxed);
  if (limit != 0 && limit < served && sightings >= kSure) return;
  set_count(served, limit == served ? sightings + 1 : 1, now);
}

void LearnedLimits::note_crossing(std::uint32_t served, Time now) {
  const std::uint32_t limit = known(requests_at_, now) ? requests_.load(kRelaxed) : 0;
  if (limit != 0 && (served <= limit || sightings_.load(kRelaxed) >= kSure)) return;
  set_count(served, 1, now - kMemory + kSuspicion);
}

void LearnedLimits::note_served(std::uint32_t served) {
  const std::uint32_t limit = requests_.load(kRelaxed);
  if (limit != 0 && served > limit && sightings_.load(kRelaxed) < kSure) requests_.store(0, kRelaxed);
}

void LearnedLimits::forget() {
  idle_ns_.store(0, kRelaxed);
  requests_.store(0, kRelaxed);
}

void LearnedLimits::take_over(const LearnedLimits& other) {
  idle_ns_.store(other.idle_ns_.load(kRelaxed), kRelaxed);
  idle_at_.store(other.idle_at_.load(kRelaxed), kRelaxed);
  requests_.store(other.requests_.load(kRelaxed), kRelaxed);
  sightings_.store(other.sightings_.load(kRelaxed), kRelaxed);
  requests_at_.store(other.requests_at_.load(kRelaxed), kRelaxed);
}

LearnedLimits::Known LearnedLimits::known(Time now) const {
  const std::int64_t at = now.time_since_epoch().count();
  return {.idle = Duration(idle_ns_.load(kRelaxed)),
          .idle_age = Duration(at - idle_at_.load(kRelaxed)),
          .requests = requests_.load(kRelaxed),
          .sightings = sightings_.load(kRelaxed),
          .requests_age = Duration(at - requests_at_.load(kRelaxed))};
}

void LearnedLimits::take_over(const Known& known, Time now) {
  idle_ns_.store(known.idle.count(), kRelaxed);
  idle_at_.store((now - known.idle_age).time_since_epoch().count(), kRelaxed);
  set_count(known.requests, known.sightings, now - known.requests_age);
}

Duration LearnedLimits::idle_limit(Time now) const {
  std::int64_t limit = idle_ns_.load(kRelaxed);
  return limit != 0 && known(idle_at_, now) ? Duration(limit - limit / 10) : Duration::max();
}

std::uint32_t LearnedLimits::request_limit(Time now) const {
  return sightings_.load(kRelaxed) >= kSure ? careful_request_limit(now) : UINT32_MAX;
}

std::uint32_t LearnedLimits::careful_request_limit(Time now) const {
  std::uint32_t limit = requests_.load(kRelaxed);
  return limit != 0 && known(requests_at_, now) ? std::max<std::uint32_t>(limit - (limit + 9) / 10, 1)
                                                : UINT32_MAX;
}

Duration LearnedLimits::careful_limit(Time now) const {
  std::int64_t limit = idle_ns_.load(kRelaxed);
  return limit != 0 && known(idle_at_, now) ? Duration(limit / 2) : kCarefulWhileUnknown;
}

}  // namespace weir::core
