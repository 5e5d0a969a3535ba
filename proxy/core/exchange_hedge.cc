// The exchange with two tries at a time: when a second one begins beside a first that has no answer yet, and
// what becomes of the other when one of them has one, or fails.
#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"

namespace weir::core {

namespace {

constexpr base::Error kAnsweredFirst{base::Reason::none, base::Fault::ourselves, base::Retry::never, 0,
                                     "another try was answered first"};

}  // namespace

// From now on the node has all it needs to answer.
void Exchange::plan_second() {
  second_at_ = base::kNever;
  if (!try_->attempt.live() || (state_ != State::Choosing && state_ != State::Trying)) return;
  const config::Hedge& hedge = route_->hedge;
  if (!hedge.on() || !request_ended_) return;
  const base::Time now = path_.runtime().now();
  if (hedge.percentile == 0) {
    second_at_ = base::deadline(now, hedge.after);
  } else if (const auto usual = route_->head_times->under(hedge.percentile, now)) {
    second_at_ = now + *usual;
  }
}

// All of the request is here, and an attempt is left. Both tries may come to their end, in any order, so that
// it changes nothing: what may be repeated after a failure need not stand that.
bool Exchange::may_begin_second() const {
  if (!try_->attempt.live() || other().attempt.live()) return false;
  if (!request_ended_ || !http::is_safe(request_.method) || !replay_.whole() ||
      replay_.bytes().size() > ReplayBuffer::kMost)
    return false;
  if (!request_.upgrade.empty()) return false;
  const std::uint32_t connecting = try_->attempt.state() == Attempt::State::connecting ? 1 : 0;
  return attempts_ + black_holes_ + connecting < route_->retry.attempts;
}

// At another node, if there is one and the budget allows.
void Exchange::begin_second() {
  second_at_ = base::kNever;
  if (!may_begin_second() || !pool_->find_unsuspected(tried_) || !affords_retry()) return;
  const auto node = pick_trusted();
  if (!node) return;
  auto place = spare_place(*node);
  if (!place) return;
  if (!pool_->pay_for_retry(route_->retry.budget, path_.runtime().now()))
    return pool_->share().denied_budget.add();
  pool_->share().hedges.add();
  tried_.push_back(*node);
  Try& first = *try_;
  doubled_since_ = first.at;
  second_ = try_ = &other();
  begin_try(*node, std::move(*place), Attempt::Reuse::allowed);
  if (second_->attempt.state() == Attempt::State::connecting) try_ = &first;
}

// The present one has failed.
void Exchange::go_on_with_other() {
  try_ = &other();
  state_ = try_->attempt.state() == Attempt::State::connecting ? State::Choosing : State::Trying;
  arm();
}

// It is none that anybody waits for, but where this one waits for a node of which something is wrong. Who
// does so needs none in the pool but the one that it has: tries that hang may hold them all.
std::optional<Place> Exchange::spare_place(std::size_t node) const {
  PoolGate& gate = pool_->gate();
  const bool in_need = !endpoint_of(*try_).node->trusted();
  if (gate.limits() && gate.is_waited_for() && !in_need) return std::nullopt;
  balancer::Node& at = *pool_->endpoint(node).node;
  auto place = Place::take(gate, at);
  return place || !in_need ? std::move(place) : try_->attempt.take_beside(gate, at);
}

void Exchange::end_other(const base::Error& why) {
  Try* const kept = std::exchange(try_, &other());
  if (trace_.sampled()) end_attempt_span(why.reason, why.detail);
  try_->attempt.end(why);
  try_ = kept;
}

// The second has answered first: the first one's node takes at least so long. Its answer would never be
// among its times otherwise, and it would look as quick as those of its answers that nobody overtakes. How
// long one that is silent would go on with that says nothing of when the next silence is one.
void Exchange::overtake_other() {
  if (second_ == try_ && other().attempt.sending()) {
    const base::Duration waited = path_.runtime().now() - other().asked_at;
    counts_of(other()).note_answer_time(waited);
    if (endpoint_of(other()).node->state().suspect) counts_of(other()).note_held_up(waited);
  }
  end_other(kAnsweredFirst);
}

void Exchange::end_tries(const base::Error& why) {
  if (other().attempt.live()) end_other(why);
  end_try(why);
}

// Another node, of which nothing speaks against a request that has one already; where there is none, one on
// probation, if that of the request is silent. A backup is none as long as the one that it has may get work
// itself.
std::optional<std::size_t> Exchange::pick_trusted() {
  if (is_stale()) return std::nullopt;  // its nodes may have been taken away
  if (!pool_->trusts_any(tried_)) {     // a choice that is of no use would take another request's turn
    const bool in_need = endpoint_of(*try_).node->state().suspect;
    return in_need ? pool_->find_unsuspected(tried_) : std::nullopt;
  }
  const auto node = pool_->pick({affinity_, tried_});
  if (!node || !pool_->endpoint(*node).node->trusted()) return std::nullopt;
  const bool spare = pool_->is_backup(*node) && !pool_->is_backup(try_->node);
  return spare && endpoint_of(*try_).node->trusted() ? std::nullopt : node;
}

// Of the present try, without what its client took to send the request.
base::Duration Exchange::answer_time() const {
  if (client_sent_at_ <= try_->at) return try_->heard_at - try_->at;
  return try_->heard_at - (request_ended_ ? try_->asked_at : client_sent_at_);
}

void Exchange::note_answer_time(int status) {
  const base::Duration took = answer_time();
  observe::NodeShare& counts = counts_of(*try_);
  counts.note_answer_time(took);
  if (!endpoint_of(*try_).conduct.tells_time(try_->asked_at)) counts.note_held_up(took);
  if (pool_->takes_key()) counts.note_key(affinity_, status >= 500, pool_->is_slow(took));
}

// Since the client's request waits: who has waited for two is none that was answered quickly.
void Exchange::note_head_time() {
  route_->head_times->note(path_.worker(), second_ ? try_->heard_at - doubled_since_ : answer_time());
}

}  // namespace weir::core
