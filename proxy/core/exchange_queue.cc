// The exchange at a pool with limits: how it takes a place, and how it waits for one.
#include <span>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr Error kQueueFull{Reason::queue_full, Fault::ourselves, Retry::never, 503,
                           "the pool is at its limits, and its queue is full"};
constexpr Error kShed{Reason::queue_timeout, Fault::ourselves, Retry::never, 503,
                      "the pool is at its limits, and the request had waited longest"};

}  // namespace

// Whoever comes while others wait, waits behind them.
void Exchange::choose_within_limits() {
  if (!pool_->gate().is_waited_for() && take_place()) return on_placed();
  if (is_barred()) return await_node();
  enter_queue();
}

// The node is found first and the pool's place taken then, so that in vain nobody takes a place that another
// one misses meanwhile: where the node's place was lost to somebody, that one has it.
bool Exchange::take_place() {
  PoolGate& gate = pool_->gate();
  while (!gate.limits() || gate.has_room()) {
    const auto node = find_node();
    if (!node) return false;
    auto place = Place::take(gate, *pool_->endpoint(*node).node);
    if (!place) continue;
    place_ = std::move(*place);
    placed_ = *node;
    return true;
  }
  return false;
}

// A node that was not tried takes requests, and is only full for the moment.
bool Exchange::leaves_out_full_one() const {
  if (!pool_->gate().limits()) return false;
  const balancer::PickInput input{.tried = tried_};
  for (std::size_t i = 0; i < pool_->size(); ++i)
    if (pool_->endpoint(i).node->trusted() && !pool_->is_backup(i) && !input.was_tried(i)) return true;
  return false;
}

// Nodes that take no others, or are held back, serve their sessions all the same.
bool Exchange::sees_room() const {
  if (pool_->sees_room()) return true;
  return pool_->sticky() != nullptr &&
         pool_->sees_room_for_sessions(path_.runtime().now(), generation_->snapshot->config.drain_timeout);
}

void Exchange::on_placed() {
  state_ = State::Choosing;
  begin_at(placed_, std::move(place_));
}

// No node that it may try takes requests, full or not: there is nothing to wait for.
bool Exchange::is_barred() const {
  if (tried_.empty() && has_session()) return false;
  const bool anew = last_error_.retry != Retry::not_processed;  // those that were tried may be tried again
  return !pool_->takes_any(anew ? std::span<const std::size_t>() : tried_);
}

// What was tried already goes before all that was not: it has waited, and nodes have worked for it.
void Exchange::enter_queue() {
  for (Try& each : tries_) each.attempt.let_go();  // what it drops may have the place that it waits for
  const auto standing = tried_.empty() ? Standing::first : Standing::again;
  if (standing == Standing::again && pool_->config().queue.size == 0) return reply(last_error_);
  const policy::ClientKey client = policy::client_key(client_ip_);
  switch (wait_at(pool_->gate(), pool_->share(), path_.queue_desk(), client, standing)) {
    case Outcome::placed:
      return on_placed();
    case Outcome::waits:
      state_ = State::Queued;
      return arm();
    case Outcome::full:
      return reply(kQueueFull);
  }
}

void Exchange::leave_queue() {
  stop_waiting_for_place();
  state_ = State::Choosing;
}

bool Exchange::on_called() {
  return path_.is_current(*generation_) || renew();
}

// Who comes anew would not wait either, or not for so long.
void Exchange::on_change() {
  if (!on_called()) return;
  if (!is_barred()) return arm();
  leave_queue();
  reply_no_node();
}

// The pool whose node the present try is at, or some of its nodes.
bool Exchange::is_limited() const {
  return endpoint_of(*try_).pool->gate.limits();
}

// What it has to do, or has answered, says how much the node may have.
void Exchange::learn_limit(int status) {
  Endpoint& endpoint = endpoint_of(*try_);
  LimitLearner* learner = endpoint.learner.load(std::memory_order_acquire);
  if (learner == nullptr || !learner->at_work()) return;
  const base::Time now = path_.runtime().now();
  if (status == 503 || status == 504) {
    learner->note_overload(path_.worker());
    return learner->look_at_overload(now, *endpoint.node, endpoint.pool->gate);
  }
  learner->note_answer(path_.worker(), answer_time(), *endpoint.node);
  learner->look(now, *endpoint.node, endpoint.pool->gate);
}

void Exchange::on_shed(Reason why) {
  reply(why == Reason::queue_full ? kQueueFull : kShed);
}

}  // namespace weir::core
