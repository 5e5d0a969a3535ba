#include "proxy/policy/reload_verdict.h"

#include <cmath>

#include <fmt/format.h>

namespace weir::policy {
namespace {

constexpr std::uint64_t kLeastAnswers = 20;  // fewer say nothing
constexpr std::uint64_t kLeastErrors = 5;
constexpr double kClearlyMore = 0.05;  // of all answers
constexpr double kTimesMore = 2;
constexpr double kDeviations = 4;     // that chance does not reach
constexpr double kWithoutPast = 0.5;  // errors among the answers of a pool that had none before

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

bool too_few(const PoolStanding& now, const std::optional<PoolStanding>& before, std::uint32_t min_healthy,
             Moment moment) {
  const std::uint64_t hopeful = now.eligible + (moment == Moment::during ? now.undecided : 0);
  if (now.wanted == 0 || hopeful * 100 >= now.wanted * min_healthy) return false;
  return !before || before->wanted == 0 ||
         share(now.eligible, now.wanted) < share(before->eligible + before->undecided, before->wanted);
}

// Two shares differ by more than chance would have them.
bool clearly_more(const PoolStanding& now, const PoolStanding& before) {
  const double share_now = share(now.errors, now.answers),
               share_before = share(before.errors, before.answers);
  if (share_now < share_before + kClearlyMore || share_now < kTimesMore * share_before) return false;
  const double all = share(now.errors + before.errors, now.answers + before.answers);
  const double spread = std::sqrt(
      all * (1 - all) * (1 / static_cast<double>(now.answers) + 1 / static_cast<double>(before.answers)));
  return share_now - share_before > kDeviations * spread;
}

bool too_many_errors(const PoolStanding& now, const std::optional<PoolStanding>& before) {
  if (now.answers < kLeastAnswers || now.errors < kLeastErrors) return false;
  if (!before || before->answers == 0) return share(now.errors, now.answers) >= kWithoutPast;
  return clearly_more(now, *before);
}

}  // namespace

std::optional<std::string> objection(const PoolStanding& now, const std::optional<PoolStanding>& before,
                                     std::uint32_t min_healthy, Moment moment) {
  if (too_few(now, before, min_healthy, moment))
    return fmt::format("{} of {} nodes may take requests, under min_healthy ({}%)", now.eligible, now.wanted,
                       min_healthy);
  if (too_many_errors(now, before))
    return fmt::format("{} of {} answers are errors, {} of {} were before", now.errors, now.answers,
                       before ? before->errors : 0, before ? before->answers : 0);
  return std::nullopt;
}

}  // namespace weir::policy
