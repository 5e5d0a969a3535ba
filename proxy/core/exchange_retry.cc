// The exchange between two tries: whether there is another one, what it costs, and which answers are dropped
// for it.
#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/policy/retry_after.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr base::Duration kMostRetryAfter = std::chrono::seconds(1);  // that is waited for

constexpr Error kToBeRetried{Reason::none, Fault::ourselves, Retry::never, 0, "the answer is to be retried"};

}  // namespace

policy::FailedAttempt Exchange::failed_attempt(const Error& error) const {
  return {.error = error,
          .repeatable = repeatable_,
          .reused_connection = try_->attempt.reused_connection(),
          .late = try_->attempt.is_late(),
          .body_whole = replay_.whole(),
          .attempts = attempts_ + black_holes_,
          .most_attempts = route_->retry.attempts,
          .declined = declined_};
}

// What is to be paid for has been.
Exchange::Next Exchange::what_follows(const Error& error) {
  policy::FailedAttempt failed = failed_attempt(error);
  if (policy::lost_kept(failed)) failed.many_lost = note_lost();
  const policy::Verdict verdict = judge(failed);
  // The end of a connection says nothing of the node.
  if (error.retry == Retry::declined && verdict != policy::Verdict::fresh_connection)
    failed.all_decline = note_declined();
  if (verdict == policy::Verdict::give_up || !policy::costs(failed, verdict)) return {verdict, {}};
  const base::Duration pause = draw_pause();
  if (!pay_for_retry(pause)) return {};
  return {verdict, pause};
}

// Whether the pool's other nodes decline, too.
bool Exchange::note_declined() {
  const base::Time now = path_.runtime().now();
  if (++declined_ == 2) pool_->share().declined_twice.add(now);
  return pool_->are_all_declining(now);
}

// Whether its nodes do so to many.
bool Exchange::note_lost() {
  const base::Time now = path_.runtime().now();
  if (endpoint_of(*try_).conduct.note_lost(now)) pool_->share().lost.add(now);
  return pool_->are_many_lost(now);
}

policy::Verdict Exchange::judge(const policy::FailedAttempt& failed) {
  const policy::Verdict verdict = policy::judge(failed);
  if (verdict == policy::Verdict::give_up && policy::is_out_of_attempts(failed))
    pool_->share().denied_attempts.add();
  return verdict;
}

base::Duration Exchange::draw_pause() const {
  return policy::pause(route_->retry.backoff, pauses_, path_.draw());
}

// Whether it comes in time, and the retry budget pays for it.
bool Exchange::pay_for_retry(base::Duration pause) {
  const base::Time now = path_.runtime().now();
  if (base::deadline(now, pause) >= base::deadline(begun_, std::min(timeouts_->request, patience_)))
    return false;
  if (!pool_->pay_for_retry(route_->retry.budget, now)) {
    pool_->share().denied_budget.add();
    return false;
  }
  pool_->share().retries.add();
  ++pauses_;
  return true;
}

bool Exchange::affords_retry() const {
  if (pool_->affords_retry(route_->retry.budget, path_.runtime().now())) return true;
  pool_->share().denied_budget.add();
  return false;
}

void Exchange::choose_again(base::Duration pause) {
  state_ = State::Choosing;
  choose_at_ = pause > base::Duration::zero() ? path_.runtime().now() + pause : base::kNever;
  arm();
  if (choose_at_ == base::kNever) path_.runtime().defer(*this);
}

// Whether the answer is one of those that another try is worth, and there is one to be had.
bool Exchange::drop_answer(const http::Response& head) {
  if (is_stale()) [[unlikely]]
    follow_reload();
  if (!policy::is_listed(route_->retry, head.status)) return false;
  const Error error{Reason::no_node, Fault::upstream, Retry::other_node,
                    static_cast<std::uint16_t>(head.status),
                    "the node's answer was to be retried, and no other node is left"};
  std::optional<base::Duration> pause;
  const bool goes_on = other().attempt.live();
  if (!goes_on) {
    if (judge(failed_attempt(error)) == policy::Verdict::give_up) return false;
    pause = find_other_node(head, draw_pause());
    if (!pause || !pay_for_retry(*pause)) {
      next_node_.reset();
      same_node_ = false;
      return false;
    }
  }
  last_error_ = error;
  note_failed_session();
  note_answer_time(head.status);
  if (!goes_on) failed_at_ = endpoint_of(*try_).shared_from_this();
  try_->status = head.status;
  if (trace_.sampled()) end_attempt_span(Reason::none, {});
  path_.refusal_log().note_attempt(error, node_name(), policy::Verdict::other_node, try_->heard_at);
  if (request_ended_ && try_->attempt.sending())
    try_->attempt.drop();
  else
    try_->attempt.end(kToBeRetried);
  if (goes_on)
    go_on_with_other();
  else
    choose_again(*pause);
  return true;
}

// After which pause there is a node to try: another one that is no suspect, a backup too, though it may have
// to be waited for where it is only full, or the same if it has said when to come again, and that is soon.
std::optional<base::Duration> Exchange::find_other_node(const http::Response& head, base::Duration pause) {
  if (is_stale()) return std::nullopt;
  // A choice that is of no use would take another request's turn.
  const auto any = pool_->find_unsuspected(tried_);
  if (any && !affords_retry()) return std::nullopt;
  next_node_ = any ? pick() : std::nullopt;
  if (next_node_ && pool_->endpoint(*next_node_).node->state().suspect) next_node_ = any;
  if (next_node_ || (leaves_out_full_one() && pool_->config().queue.size > 0)) return pause;
  const auto text = head.fields.get(http::FieldId::retry_after);
  const auto after =
      text ? policy::retry_after(*text, path_.runtime().wall_ms()) : std::optional<base::Duration>();
  if (!after || *after > kMostRetryAfter || !takes(try_->node)) return std::nullopt;
  same_node_ = true;
  return std::max(*after, pause);
}

}  // namespace weir::core
