#include "proxy/core/ejected_node.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"
#include "proxy/core/prober.h"

namespace weir::core {
namespace {

config::Health look_of_connects(base::Duration timeout) {
  config::Health health;
  health.timeout = timeout;
  return health;
}

}  // namespace

EjectionPlan::EjectionPlan(std::string name, const config::Pool& config, base::Duration connect)
    : pool(std::move(name)),
      term{config.ejection->time, config.ejection->max_time},
      look(look_of_connects(connect), config.settings.value, config.protocol, config.proxy_protocol) {}

EjectedNode::EjectedNode(Prober& prober, std::shared_ptr<Endpoint> endpoint)
    : prober_(prober),
      endpoint_(std::move(endpoint)),
      look_(prober.runtime(), *this),
      timer_(prober.runtime().timers(), *this) {}

EjectedNode::~EjectedNode() {
  end_look();
}

void EjectedNode::end_look() {
  base::ListHook<DueTag>::unlink();
  if (!look_.under_way()) return;
  look_.abandon();
  prober_.check_ended();
}

// A look that is under way, or due, begins anew.
void EjectedNode::use(std::shared_ptr<const EjectionPlan> plan, std::string host) {
  const bool looked = look_.under_way() || base::ListHook<DueTag>::linked();
  end_look();
  plan_ = std::move(plan);
  host_ = std::move(host);
  if (looked) prober_.be_due(*this);
}

void EjectedNode::eject(EjectionCause cause, const std::string& reason) {
  cause_ = cause;
  acquitted_at_ = base::kNever;
  ejected_at_ = prober_.runtime().now();
  connects_in_a_row_ = is_soft() ? 0 : connects_in_a_row_ + 1;
  const base::Time until = std::exchange(out_until_, base::kNever);
  const bool goes_on = is_soft() && until != base::kNever && until > ejected_at_;
  recalled_after_ = goes_on ? 2 * recalled_after_ : kRecall;
  if (!goes_on) ++endpoint_->conduct.strikes;
  note(balancer::Ejection::ejected, reason);
  end_look();
  timer_.set(goes_on ? until : base::deadline(ejected_at_, term()));
  if (goes_on)
    return base::log_info("node {} of pool {} was recalled in vain: {}", endpoint_->text, plan_->pool,
                          reason);
  base::log_warning("node {} of pool {} is ejected: {}; {}", endpoint_->text, plan_->pool, reason,
                    is_soft() ? "it is left out for " + config::written(term())
                              : "it is left out until it accepts connections");
}

base::Duration EjectedNode::term() const {
  return is_soft() ? plan_->term.of(endpoint_->conduct.strikes)
                   : plan_->term.until_first_look(connects_in_a_row_);
}

void EjectedNode::recall(const std::string& reason) {
  const bool is_out = word_ == balancer::Ejection::ejected && is_soft();
  if (!is_out || prober_.runtime().now() - ejected_at_ < recalled_after_) return;
  out_until_ = timer_.at();
  timer_.cancel();
  begin_probation(reason);
}

void EjectedNode::resume() {
  const balancer::NodeState state = endpoint_->node->state();
  word_ = state.ejection;
  cause_ = state.is_out_by(balancer::Verdict::soft) ? EjectionCause::gateway : EjectionCause::connect;
  endpoint_->conduct.strikes = std::max(endpoint_->conduct.strikes, 1U);
  connects_in_a_row_ = 1;
  ejected_at_ = prober_.runtime().now();
  if (word_ == balancer::Ejection::ejected) {
    endpoint_->conduct.take_place_anyway();
    endpoint_->conduct.lend_place(state.health == balancer::Health::down);
    timer_.set(base::deadline(ejected_at_, term()));
  } else {
    endpoint_->conduct.begin_probation(cause_, ejected_at_);
  }
}

void EjectedNode::on_timer() {
  if (is_soft())
    begin_probation("its time is over");
  else
    prober_.be_due(*this);
}

void EjectedNode::check() {
  began_ = prober_.runtime().now();
  look_.begin(plan_->look, endpoint_->address, host_, prober_.scratch(), prober_.tls_scratch());
}

void EjectedNode::on_checked(CheckResult result) {
  const base::Time now = prober_.runtime().now();
  prober_.check_ended();
  if (result.kind == CheckResult::Kind::passed) return begin_probation("it accepts connections");
  if (result.kind == CheckResult::Kind::not_made) {
    prober_.note_not_made(result.text);
    return timer_.set(now + kAgain);
  }
  timer_.set(std::max(now, began_ + health::EjectionTerm::kRetry));
}

void EjectedNode::begin_probation(const std::string& reason) {
  endpoint_->conduct.begin_probation(cause_, prober_.runtime().now());
  if (!endpoint_->conduct.readmit(balancer::Ejection::probation)) return endpoint_->conduct.end_probation();
  // A worker that found worse of it in between may have ended what had not begun.
  endpoint_->conduct.begin_probation(cause_, prober_.runtime().now());
  endpoint_->node->clear_of_suspicion();
  note(balancer::Ejection::probation, reason);
  base::log_info("node {} of pool {} is on probation: {}", endpoint_->text, plan_->pool, reason);
}

void EjectedNode::acquit() {
  if (endpoint_->node->state().ejection != balancer::Ejection::none) return;
  acquitted_at_ = prober_.runtime().now();
  out_until_ = base::kNever;
  connects_in_a_row_ = 0;
  const std::string reason = fmt::format("{} good answers", Conduct::kGoodAnswers);
  note(balancer::Ejection::none, reason);
  base::log_info("node {} of pool {} takes requests again: {}", endpoint_->text, plan_->pool, reason);
}

void EjectedNode::release(const std::string& reason) {
  end_look();
  timer_.cancel();
  endpoint_->conduct.end_probation();
  endpoint_->conduct.strikes = 0;
  out_until_ = base::kNever;
  acquitted_at_ = base::Time::min();
  const bool was_out = endpoint_->conduct.readmit(balancer::Ejection::none);
  if (!endpoint_->node->acquit() && !was_out) return;
  note(balancer::Ejection::none, reason);
  base::log_info("node {} of pool {} takes requests again: {}", endpoint_->text, plan_->pool, reason);
}

bool EjectedNode::forgotten() const {
  if (acquitted_at_ == base::kNever) return false;
  if (acquitted_at_ == base::Time::min()) return true;
  return prober_.runtime().now() - acquitted_at_ >= plan_->term.until_forgotten(endpoint_->conduct.strikes);
}

void EjectedNode::note(balancer::Ejection to, const std::string& reason) {
  endpoint_->history.note({.wall_ms = prober_.runtime().wall_ms(),
                           .word = NodeWord::ejection,
                           .from = std::string(balancer::word(std::exchange(word_, to))),
                           .to = std::string(balancer::word(to)),
                           .reason = reason});
  prober_.changes().note(plan_->pool, endpoint_);
}

}  // namespace weir::core
