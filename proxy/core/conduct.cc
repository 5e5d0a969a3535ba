#include "proxy/core/conduct.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/base/ascii.h"
#include "proxy/core/endpoint.h"

namespace weir::core {
namespace {

using balancer::Verdict;

Verdict verdict_of(EjectionCause cause) {
  return cause == EjectionCause::connect ? Verdict::hard : Verdict::soft;
}

// As it stands in the middle of a sentence.
std::string in_words(const base::Error& error) {
  std::string detail(error.detail.empty() ? base::word(error.reason) : error.detail);
  detail[0] = base::lower(detail[0]);
  return detail;
}

std::string in_a_row(std::uint32_t count, std::string_view what, const std::string& latest) {
  return fmt::format("{} {} in a row, the latest: {}", count, what, latest);
}

}  // namespace

Conduct::Conduct(Endpoint& of, std::shared_ptr<PoolShared> pool) : endpoint_(of), pool_(std::move(pool)) {}

// All that waited for one connection hear of its end at the same moment.
void Conduct::note_connect_failure(const base::Error& error, base::Time began, base::Time now) {
  if (!pool_) return;
  const base::Time::rep at = now.time_since_epoch().count();
  if (unconnected_at_.exchange(at, std::memory_order_relaxed) == at) return;
  if (probation_at_.load(std::memory_order_relaxed) != kNone) {
    if (on_probation(began)) eject(EjectionCause::connect, "on probation: " + in_words(error));
    return;
  }
  const std::uint32_t most = pool_->ejection.connect_failures();
  const std::uint32_t row = connect_failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (most > 0 && row >= most)
    eject(EjectionCause::connect,
          in_a_row(row, row == 1 ? "failure to connect" : "failures to connect", in_words(error)));
}

void Conduct::judge_answer(int status, base::Time began, base::Time now) {
  if (!pool_) return;
  if (status >= 502 && status <= 504) return note_gateway_error(fmt::format("answered {}", status), began);
  gateway_errors_.store(0, std::memory_order_relaxed);
  if (on_probation(began)) judge_probation(status, began, now);
}

// What was asked before it began shows how the node did then.
bool Conduct::on_probation(base::Time began) const {
  const base::Time::rep since = probation_at_.load(std::memory_order_relaxed);
  return since != kNone && began.time_since_epoch().count() >= since;
}

bool Conduct::is_bad_enough() {
  return bad_answers_.fetch_add(1, std::memory_order_relaxed) + 1 >= kBadAnswers;
}

void Conduct::judge_probation(int status, base::Time began, base::Time now) {
  const EjectionCause cause = cause_.load(std::memory_order_relaxed);
  const bool failed = cause == EjectionCause::success_rate && status >= 500;
  const bool slow =
      cause == EjectionCause::latency && (now - began).count() > slow_.load(std::memory_order_relaxed);
  if ((failed || slow) && is_bad_enough()) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now - began).count();
    eject(cause, failed ? fmt::format("on probation: answered {}", status)
                        : fmt::format("on probation: answered after {} ms", ms));
    return;
  }
  endpoint_.node->end_trial(now.time_since_epoch().count());
  if (failed || slow || good_answers_.fetch_add(1, std::memory_order_relaxed) + 1 < kGoodAnswers) return;
  probation_at_.store(kNone, std::memory_order_relaxed);
  if (!endpoint_.node->acquit()) return;
  returns_.fetch_add(1, std::memory_order_relaxed);
  tell(NodeNews::Kind::acquitted);
}

// All that a broken connection, or the end of its process, takes with it at the same moment is one failure.
void Conduct::note_no_answer(const base::Error& error, base::Time began, base::Time now) {
  if (!pool_) return;
  const base::Time::rep at = now.time_since_epoch().count();
  if (failed_at_.exchange(at, std::memory_order_relaxed) != at) note_gateway_error(in_words(error), began);
}

void Conduct::note_gateway_error(const std::string& seen, base::Time began) {
  if (probation_at_.load(std::memory_order_relaxed) != kNone) {
    if (on_probation(began)) eject(EjectionCause::gateway, "on probation: " + seen);
    return;
  }
  const std::uint32_t most = pool_->ejection.gateway_errors();
  const std::uint32_t row = gateway_errors_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (most == 0 || row < most) return;
  const bool is_out =
      eject(EjectionCause::gateway, in_a_row(row, row == 1 ? "gateway error" : "gateway errors", seen));
  if (!is_out && row == most) tell(NodeNews::Kind::failing);
}

bool Conduct::fails_all() const {
  if (!pool_) return false;
  const std::uint32_t most = pool_->ejection.gateway_errors();
  return most > 0 && gateway_errors_.load(std::memory_order_relaxed) >= most;
}

// One that is out already, by a soft verdict, may serve in spite of it; that it takes no connections says
// more.
bool Conduct::eject(EjectionCause cause, std::string reason) {
  if (!pool_) return false;
  balancer::Node& node = *endpoint_.node;
  const balancer::NodeState before = node.state();
  if (before.ejection != balancer::Ejection::ejected) {
    if (!pool_->ejection.eject(node, verdict_of(cause))) return false;
  } else {
    const bool may_be_hardened = before.is_out_by(Verdict::soft) && cause == EjectionCause::connect;
    if (!may_be_hardened || !pool_->ejection.harden(node)) return false;
  }
  ejections_[static_cast<std::size_t>(cause)].fetch_add(1, std::memory_order_relaxed);
  connect_failures_.store(0, std::memory_order_relaxed);
  gateway_errors_.store(0, std::memory_order_relaxed);
  end_probation();
  tell(NodeNews::Kind::ejected, cause, std::move(reason));
  return true;
}

bool Conduct::readmit(balancer::Ejection to) {
  if (!endpoint_.node->readmit(to)) return false;
  if (std::exchange(lends_place_, false))
    pool_->ejection.end_loan();
  else
    pool_->ejection.give_back();
  return true;
}

void Conduct::lend_place(bool lends) {
  if (std::exchange(lends_place_, lends) == lends) return;
  if (lends)
    pool_->ejection.lend();
  else
    pool_->ejection.take_lent_back();
}

void Conduct::take_place_anyway() {
  pool_->ejection.take_place_anyway();
}

void Conduct::begin_probation(EjectionCause cause, base::Time now) {
  cause_.store(cause, std::memory_order_relaxed);
  good_answers_.store(0, std::memory_order_relaxed);
  bad_answers_.store(0, std::memory_order_relaxed);
  connect_failures_.store(0, std::memory_order_relaxed);
  gateway_errors_.store(0, std::memory_order_relaxed);
  endpoint_.node->end_trial(now.time_since_epoch().count());
  probation_at_.store(now.time_since_epoch().count(), std::memory_order_release);
}

void Conduct::suspect(base::Time now) {
  if (!pool_) return;
  const bool was_trusted = endpoint_.node->trusted();
  if (!endpoint_.node->suspect()) return;
  if (was_trusted) endpoint_.node->end_trial(now.time_since_epoch().count() + balancer::Node::kTrialTime);
  told_time_.store(false, std::memory_order_relaxed);
  suspected_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  suspicions_.fetch_add(1, std::memory_order_relaxed);
  tell(NodeNews::Kind::suspicion);
}

void Conduct::note_heard(base::Time now) {
  heard_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  if (!endpoint_.node->trusted() && endpoint_.node->clear_of_suspicion()) tell(NodeNews::Kind::suspicion);
}

void Conduct::tell(NodeNews::Kind kind, EjectionCause cause, std::string reason) const {
  if (pool_) pool_->ejection.tell({endpoint_.weak_from_this().lock(), kind, cause, std::move(reason)});
}

}  // namespace weir::core
