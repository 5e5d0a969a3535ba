#include "proxy/policy/adaptive_limit.h"

#include <algorithm>
#include <cmath>

namespace weir::policy {
namespace {

constexpr double kTimesOfWindow = 2;
constexpr double kSmooth = 0.25;    // of a window, in what is compared
constexpr double kTolerance = 0.3;  // of a logarithm: so much times differ without anything waiting
constexpr double kSteepest = 0.5;   // that the limit shrinks to in one window
constexpr double kHalf = 0.5;       // what fell to that would have made the times half of what they were
constexpr double kNoLess = 0.5;     // of a logarithm: so much less is none
constexpr int kFall = 6;            // windows, until what the limit was shows no more
constexpr double kFar = 0.7;        // what fell to that
constexpr double kRest = 0.95;      // what falls by less rests
constexpr double kShrink = 0.1;     // by that, the first time
constexpr std::chrono::duration<double> kDoubles{20};  // what was too much was it that long ago

}  // namespace

std::uint64_t AdaptiveLimit::limit() const {
  const double now = probe_ == Probe::none ? limit_ : limit_ / 2;
  return std::clamp(static_cast<std::uint64_t>(now), kLeast, kMost);
}

base::Duration AdaptiveLimit::window() const {
  const double wanted = kTimesOfWindow * std::exp2(smooth_);
  return base::Duration(static_cast<base::Duration::rep>(
      std::clamp(wanted, static_cast<double>(kWindow.count()), static_cast<double>(kMostWindow.count()))));
}

AdaptiveLimit::Verdict AdaptiveLimit::take(const Window& window, base::Time now) {
  if (is_too_much(window)) {
    shrink(window.overloads, now);
    return Verdict::taken;
  }
  if (window.answers < kSamples) return Verdict::goes_on;
  const double typical = window.log_sum / static_cast<double>(window.answers);
  if (probes(typical, now)) return Verdict::taken;
  const bool used = static_cast<double>(window.most_in_flight) * 2 >= limit_;
  remember(typical, now);
  const double slower = std::max(smooth_ - least_ - kTolerance, 0.0);
  const double kept = std::max(std::exp2(-slower), kSteepest);
  const double next = limit_ * kept + step(now);
  if (next > limit_) shrunk_ = 0;
  if (next < limit_ || used)
    limit_ = std::clamp(next, static_cast<double>(kLeast), static_cast<double>(kMost));
  const bool is_due = now - least_at_ >= memory_;
  if (used && (is_due || fell_in_vain(now))) {
    probe_ = Probe::settling;
    probe_at_ = now;
    if (is_due) memory_ = std::min(2 * memory_, kMemory);
  }
  return Verdict::taken;
}

// It fell far from what it was, and the times did not, or it rests there: what makes the node slower is not
// how much it has, as far as is known.
bool AdaptiveLimit::fell_in_vain(base::Time now) {
  if (limit_ > peak_) begin_fall(now);
  if (limit_ < kRest * low_) {
    low_ = limit_;
    low_at_ = now;
  }
  slowest_ = std::max(slowest_, smooth_);
  if (limit_ <= kHalf * peak_ && now - fall_at_ >= kFall * window() && smooth_ >= slowest_ - kNoLess)
    return true;
  return limit_ <= kFar * peak_ && now - low_at_ >= kFirstMemory;
}

void AdaptiveLimit::begin_fall(base::Time now) {
  peak_ = low_ = limit_;
  slowest_ = smooth_;
  fall_at_ = low_at_ = now;
}

// So many as there were in flight may say so for a window after that, in which those that were worked on end:
// the node had them before.
// Of a row of these the first limit was too much for certain; the others may have been there when the node
// had a bad moment.
void AdaptiveLimit::shrink(std::uint64_t overloads, base::Time now) {
  said_since_ += static_cast<double>(overloads);
  if (shrunk_ > 0 && now - shrunk_at_ < window() && said_since_ <= had_) return;
  if (shrunk_ == 0) too_much_ = limit_;
  ++shrunk_;
  said_since_ = 0;
  shrunk_at_ = now;
  had_ = limit_;
  limit_ = std::max(limit_ * std::max(1 - kShrink * shrunk_, kSteepest), static_cast<double>(kLeast));
  begin_fall(now);
}

// As long as it is known what was too much, the way up to there and past it is taken with care.
double AdaptiveLimit::step(base::Time now) {
  const double quick = std::sqrt(limit_);
  if (too_much_ == 0) return quick;
  const double ago = (now - shrunk_at_) / kDoubles;
  if (ago > 1) too_much_ = 0;
  return std::clamp(too_much_ * (1 - kShrink) * (1 + ago * ago) - limit_, 0.0, quick);
}

// Half of the limit is in force; what is seen then is what it goes by from now on.
bool AdaptiveLimit::probes(double typical, base::Time now) {
  if (probe_ == Probe::none) return false;
  if (probe_at_ == base::kNever) probe_at_ = now;
  if (probe_ == Probe::settling) {
    if (static_cast<double>((now - probe_at_).count()) >= 2 * std::exp2(typical)) probe_ = Probe::measuring;
    return true;
  }
  probe_ = Probe::none;
  least_ = smooth_ = typical;
  least_at_ = now;
  begin_fall(now);
  return true;
}

// A node that is not used to half of its limit shows in any window what it takes without waiting.
void AdaptiveLimit::remember(double typical, base::Time now) {
  smooth_ += kSmooth * (typical - smooth_);
  if (smooth_ > least_) return;
  least_ = smooth_;
  least_at_ = now;
  begin_fall(now);
}

}  // namespace weir::policy
