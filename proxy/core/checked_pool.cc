#include "proxy/core/checked_pool.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"
#include "proxy/core/prober.h"

namespace weir::core {
namespace {

using health::State;

// A node that had been judged, went, and came back is as new as any. One that took requests before anybody
// checked it goes on until its verdict.
State state_of(balancer::Health word, CheckedPool::States states) {
  switch (word) {
    case balancer::Health::unknown:
      return State::unchecked;
    case balancer::Health::awaited:
      return State::awaited;
    case balancer::Health::up:
      return states == CheckedPool::States::kept ? State::up : State::awaited;
    case balancer::Health::down:
      break;
  }
  return states == CheckedPool::States::kept ? State::down : State::awaited;
}

bool is_softly_down(const Endpoint& endpoint) {
  const balancer::NodeState state = endpoint.node->state();
  return state.health == balancer::Health::down && state.health_verdict == balancer::Verdict::soft;
}

bool takes_requests(State state) {
  return state == State::up || state == State::unchecked;
}

}  // namespace

CheckedPool::CheckedPool(Prober& prober, std::string name, const config::Pool& config, Phase phase)
    : prober_(prober),
      name_(std::move(name)),
      plan_(config),
      timer_(prober.runtime().timers(), *this),
      phase_(phase),
      has_floor_(config.panic > 0) {}

void CheckedPool::watch(const SnapshotPool& listed, States states) {
  auto before = std::exchange(nodes_, {});
  nodes_.reserve(listed.endpoints.size());
  for (std::size_t i = 0; i < listed.endpoints.size(); ++i) {
    const std::shared_ptr<Endpoint>& endpoint = listed.endpoints[i];
    std::unique_ptr<CheckedNode>& node = nodes_[endpoint.get()];
    if (const auto known = before.find(endpoint.get()); known != before.end()) {
      node = std::move(known->second);
      node->set_host(listed.hosts[i]);
    } else {
      node = join(endpoint, listed.hosts[i], listed.inherited[i] ? States::kept : states);
    }
  }
  count();
  begin();
  if (phase_ == Phase::running) say_whether_it_serves();
}

std::unique_ptr<CheckedNode> CheckedPool::join(const std::shared_ptr<Endpoint>& endpoint,
                                               const std::string& host, States states) {
  const State state = state_of(endpoint->node->state().health, states);
  if (state == State::awaited)
    endpoint->history.note_since(NodeWord::health,
                                 {prober_.runtime().wall_ms(), "waiting for its first check to pass"});
  return std::make_unique<CheckedNode>(prober_, *this, endpoint, host, state);
}

void CheckedPool::count() {
  up_ = serving_ = soft_ = unasked_ = 0;
  for (const auto& [endpoint, node] : nodes_) {
    if (node->state() == State::up) ++up_;
    if (takes_requests(node->state())) ++serving_;
    if (is_softly_down(*endpoint)) ++soft_;
    if (!node->asked()) ++unasked_;
  }
}

void CheckedPool::begin() {
  if (phase_ == Phase::running || nodes_.empty()) return;
  if (up_ > 0) {
    phase_ = Phase::running;
  } else if (timer_.at() == base::kNever) {
    phase_ = Phase::starting;
    timer_.set(base::deadline(prober_.runtime().now(), plan_.settings.timeout));
  }
}

void CheckedPool::note_verdict(balancer::Verdict verdict) {
  if (verdict == balancer::Verdict::soft)
    ++soft_;
  else
    --soft_;
  if (phase_ == Phase::running) say_whether_it_serves();
}

void CheckedPool::note_transition(const health::Transition& transition, balancer::Verdict verdict) {
  if (verdict == balancer::Verdict::soft && transition.from == State::down) --soft_;
  if (verdict == balancer::Verdict::soft && transition.to == State::down) ++soft_;
  if (transition.from == State::up) --up_;
  if (takes_requests(transition.from)) --serving_;
  if (takes_requests(transition.to)) ++serving_;
  if (transition.to == State::up) {
    ++up_;
    phase_ = Phase::running;
    timer_.cancel();
  }
  if (phase_ == Phase::running) say_whether_it_serves();
}

void CheckedPool::say_whether_it_serves() {
  const bool serves = serving_ > 0 || (has_floor_ && soft_ > 0);
  if (serves == serves_) return;
  serves_ = serves;
  if (serves)
    base::log_info("pool {} has a node again that takes requests", name_);
  else
    base::log_error("pool {} has no node left that is up; its requests are answered 503 until one is", name_);
}

void CheckedPool::on_timer() {
  phase_ = Phase::running;
  const std::string reason = fmt::format("no node of the pool had passed a check within {}",
                                         config::written(plan_.settings.timeout));
  std::size_t presumed = 0;
  for (const auto& [endpoint, node] : nodes_)
    if (node->presume(reason)) ++presumed;
  if (presumed > 0)
    base::log_warning(
        "pool {}: no node has passed a check within {}; {} without a verdict take requests until "
        "they have one",
        name_, config::written(plan_.settings.timeout), presumed);
  say_whether_it_serves();
}

}  // namespace weir::core
