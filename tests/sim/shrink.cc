#include "tests/sim/shrink.h"

#include <algorithm>
#include <utility>

#include "tests/sim/trial.h"

namespace weir::sim {
namespace {

class Shrinking {
 public:
  Shrinking(TrialPlan plan, int most) : plan_(std::move(plan)), left_(most) {}

  TrialPlan run() {
    std::size_t before = 0;
    do {
      before = size();
      drop_from([](TrialPlan& plan) -> auto& { return plan.clients; });
      drop_from([](TrialPlan& plan) -> auto& { return plan.events; });
      for (std::size_t i = 0; i < plan_.clients.size(); ++i)
        drop_from([i](TrialPlan& plan) -> auto& { return plan.clients[i].requests; });
      simplify();
    } while (size() < before && left_ > 0);
    return std::move(plan_);
  }

 private:
  std::size_t size() const { return plan_.clients.size() + plan_.events.size() + plan_.requests(); }

  bool try_instead(TrialPlan smaller) {
    if (left_-- <= 0 || run_trial(smaller).good()) return false;
    plan_ = std::move(smaller);
    return true;
  }

  // Leaves out ever smaller runs of a list's items.
  template <class List>
  void drop_from(List&& list) {
    for (std::size_t run = std::max<std::size_t>(1, list(plan_).size() / 2); run > 0 && left_ > 0; run /= 2) {
      for (std::size_t at = 0; at < list(plan_).size() && left_ > 0;) {
        TrialPlan smaller = plan_;
        auto& items = list(smaller);
        const auto begin = items.begin() + static_cast<std::ptrdiff_t>(at);
        items.erase(begin, items.begin() + static_cast<std::ptrdiff_t>(std::min(at + run, items.size())));
        if (!try_instead(std::move(smaller))) at += run;
      }
    }
  }

  template <class Change>
  void change(Change&& make) {
    TrialPlan smaller = plan_;
    make(smaller);
    try_instead(std::move(smaller));
  }

  void simplify() {
    change([](TrialPlan& plan) { plan.rules.split_percent = plan.rules.short_write_percent = 0; });
    change([](TrialPlan& plan) { plan.rules.max_mail_delay = plan.rules.max_timer_lag = {}; });
    change([](TrialPlan& plan) { plan.checks = false; });
    for (std::size_t i = 0; i < plan_.clients.size() && left_ > 0; ++i) {
      change([i](TrialPlan& plan) { plan.clients[i].piece = 0; });
      change([i](TrialPlan& plan) { plan.clients[i].fault = ClientFault::none; });
      change([i](TrialPlan& plan) { plan.clients[i].depth = 1; });
    }
  }

  TrialPlan plan_;
  int left_;
};

}  // namespace

TrialPlan shrink(TrialPlan plan, int most) {
  return Shrinking(std::move(plan), most).run();
}

}  // namespace weir::sim
