#include "proxy/core/checked_node.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/core/agent.h"
#include "proxy/core/checked_pool.h"
#include "proxy/core/prober.h"

namespace weir::core {
namespace {

using health::State;

balancer::Health word_for(State state) {
  switch (state) {
    case State::awaited:
      return balancer::Health::awaited;
    case State::unchecked:
      return balancer::Health::unknown;
    case State::up:
      return balancer::Health::up;
    case State::down:
      break;
  }
  return balancer::Health::down;
}

io::Address checked_at(const io::Address& address, std::uint16_t port) {
  io::Address at = address;
  if (port != 0) at.port = port;
  return at;
}

health::Monitor::Settings settings_of(const config::Health& health) {
  return {.pace = {health.interval, health.fast_interval, health.jitter},
          .fall = health.fall,
          .rise = health.rise};
}

}  // namespace

CheckedNode::CheckedNode(Prober& prober, CheckedPool& pool, std::shared_ptr<Endpoint> endpoint,
                         std::string host, State begin)
    : prober_(prober),
      pool_(pool),
      endpoint_(std::move(endpoint)),
      address_(checked_at(endpoint_->address, pool.plan().settings.port)),
      host_(std::move(host)),
      monitor_(settings_of(pool.plan().settings), begin),
      check_(prober.runtime(), *this),
      timer_(prober.runtime().timers(), *this) {
  endpoint_->node->set_health(word_for(begin), endpoint_->node->state().health_verdict);
  const auto& http = pool.plan().settings.http;
  if (!(http && http->agent) && forget_agent(*endpoint_, pool.name(), prober.runtime()))
    prober.changes().note(pool.name(), endpoint_);
  prober_.be_due(*this);
}

CheckedNode::~CheckedNode() {
  if (check_.under_way()) prober_.check_ended();
}

void CheckedNode::check() {
  began_ = prober_.runtime().now();
  check_.begin(pool_.plan(), address_, host_, prober_.scratch(), prober_.tls_scratch());
}

void CheckedNode::set_host(const std::string& host) {
  if (host == host_) return;
  if (check_.under_way()) {
    check_.abandon();
    prober_.check_ended();
    prober_.be_due(*this);
  }
  host_ = host;
}

void CheckedNode::on_timer() {
  prober_.be_due(*this);
}

void CheckedNode::be_due_at(base::Time at) {
  if (at <= prober_.runtime().now()) return prober_.be_due(*this);
  timer_.set(at);
}

void CheckedNode::on_checked(CheckResult result) {
  const base::Time now = prober_.runtime().now();
  prober_.check_ended();
  if (result.kind == CheckResult::Kind::not_made) {
    prober_.note_not_made(result.text);
    return be_due_at(now + kAgain);
  }
  if (result.agent) hear(*result.agent);
  const bool passed = result.kind == CheckResult::Kind::passed;
  const health::Monitor::Step step =
      monitor_.note(passed ? health::Outcome::passed : health::Outcome::failed, prober_.draw());
  if (step.transition)
    carry_out(*step.transition, reason_for(*step.transition, result.text), result.verdict);
  else if (!passed && monitor_.state() == State::down)
    note_verdict(result.verdict);
  using Outcome = CheckRecord::Outcome;
  endpoint_->history.note_check({.wall_ms = prober_.runtime().wall_ms(),
                                 .took = now - began_,
                                 .outcome = passed ? Outcome::passed : Outcome::failed,
                                 .text = std::move(result.text)});
  if (!std::exchange(asked_, true)) pool_.note_asked();
  be_due_at(began_ + step.wait);
}

void CheckedNode::hear(const policy::AgentWord& said) {
  if (!said.bad.empty() && !std::exchange(complained_, true))
    base::log_warning(
        "node {} of pool {} says \"{}\" of itself, which is ignored; docs/health.md has the words",
        endpoint_->text, pool_.name(), said.bad);
  if (hear_agent(*endpoint_, pool_.name(), said, "its answer to a check says so", prober_.runtime()))
    prober_.changes().note(pool_.name(), endpoint_);
}

bool CheckedNode::presume(const std::string& reason) {
  const auto transition = monitor_.presume();
  if (transition) carry_out(*transition, reason, balancer::Verdict::hard);
  return transition.has_value();
}

std::string CheckedNode::reason_for(const health::Transition& transition, const std::string& seen) const {
  const config::Health& settings = pool_.plan().settings;
  if (transition.to == State::down)
    return fmt::format("{} ({} of {} checks failed)", seen, settings.fall, settings.fall);
  if (transition.from == State::down)
    return fmt::format("{} of {} checks passed", settings.rise, settings.rise);
  return seen;
}

// Of a node that is down already.
void CheckedNode::note_verdict(balancer::Verdict verdict) {
  if (!endpoint_->node->set_health(balancer::Health::down, verdict)) return;
  prober_.changes().note(pool_.name(), endpoint_);
  pool_.note_verdict(verdict);
}

void CheckedNode::carry_out(const health::Transition& transition, const std::string& reason,
                            balancer::Verdict verdict) {
  const balancer::Health from = word_for(transition.from), to = word_for(transition.to);
  const balancer::Verdict before = endpoint_->node->state().health_verdict;
  endpoint_->node->set_health(to, verdict);
  endpoint_->history.note({.wall_ms = prober_.runtime().wall_ms(),
                           .word = NodeWord::health,
                           .from = std::string(balancer::word(from)),
                           .to = std::string(balancer::word(to)),
                           .reason = reason});
  prober_.changes().note(pool_.name(), endpoint_);
  say(transition, reason);
  pool_.note_transition(transition, transition.from == State::down ? before : verdict);
}

// Of an awaited node that is presumed the pool speaks, for all of them.
void CheckedNode::say(const health::Transition& transition, const std::string& reason) const {
  if (transition.to == State::unchecked) return;
  const std::string who = fmt::format("node {} of pool {}", endpoint_->text, pool_.name());
  if (transition.to == State::down)
    return base::log_warning("{} is down: {}; it {}", who, reason,
                             transition.from == State::awaited ? "gets no requests" : "drains");
  base::log_info("{} is {}: {}{}", who, transition.from == State::down ? "up again" : "up", reason,
                 endpoint_->node->eligible() ? "; it takes requests" : "");
}

}  // namespace weir::core
