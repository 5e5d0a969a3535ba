#include "tests/sim/shrink.h"

#include <algorithm>
#include <string>
#include <utility>

#include "tests/sim/trial.h"

namespace weir::sim {
namespace {

// The kind of a violation: its text without its numbers.
std::string kind_of(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

class Shrinking {
 public:
  Shrinking(TrialPlan plan, std::string_view violation, int most)
      : plan_(std::move(plan)), kind_(kind_of(std::string(violation))), left_(most) {}

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
    make_requests_small();
    return std::move(plan_);
  }

 private:
  std::size_t size() const { return plan_.clients.size() + plan_.events.size() + plan_.requests(); }

  bool try_instead(TrialPlan smaller) {
    if (left_-- <= 0) return false;
    const TrialResult result = run_trial(smaller);
    if (result.good() || kind_of(result.violations.front()) != kind_) return false;
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
    change([](TrialPlan& plan) { plan.rules.preempt_percent = 0; });
    change([](TrialPlan& plan) { plan.rules.min_buffer = plan.rules.max_buffer; });
    change([](TrialPlan& plan) { plan.rules.max_mail_delay = plan.rules.max_timer_lag = {}; });
    change([](TrialPlan& plan) { plan.checks = false; });
    change([](TrialPlan& plan) { plan.tiered = false; });
    change([](TrialPlan& plan) { plan.priority = 1; });
    change([](TrialPlan& plan) { plan.tls_nodes.clear(); });
    change([](TrialPlan& plan) { plan.sticky = false; });
    for (std::size_t i = 0; i < plan_.tls_nodes.size() && left_ > 0; ++i)
      change([i](TrialPlan& plan) { plan.tls_nodes[i].fault = TlsFault::none; });
    for (std::size_t i = 0; i < plan_.clients.size() && left_ > 0; ++i) {
      change([i](TrialPlan& plan) { plan.clients[i].tls.reset(); });
      change([i](TrialPlan& plan) { plan.clients[i].piece = 0; });
      change([i](TrialPlan& plan) { plan.clients[i].fault = ClientFault::none; });
      change([i](TrialPlan& plan) { plan.clients[i].depth = 1; });
    }
  }

  // Their bodies, faults and whatever else they bring with them.
  void make_requests_small() {
    for (std::size_t i = 0; i < plan_.clients.size(); ++i)
      for (std::size_t k = 0; k < plan_.clients[i].requests.size() && left_ > 0; ++k) {
        const auto request = [i, k](TrialPlan& plan) -> RequestPlan& { return plan.clients[i].requests[k]; };
        change([&](TrialPlan& plan) { request(plan).think = {}; });
        change([&](TrialPlan& plan) { request(plan).trailers = false; });
        halve([&](TrialPlan& plan) -> std::uint32_t& { return request(plan).size; });
        for (std::size_t answer = 0; answer < plan_.clients[i].requests[k].answers.size(); ++answer) {
          const auto of = [&](TrialPlan& plan) -> AnswerPlan& { return request(plan).answers[answer]; };
          change([&](TrialPlan& plan) { of(plan).fault = AnswerFault::none; });
          change([&](TrialPlan& plan) { of(plan).interim = 0; });
          change([&](TrialPlan& plan) { of(plan).delay = {}; });
          halve([&](TrialPlan& plan) -> std::uint32_t& { return of(plan).size; });
        }
      }
  }

  template <class Number>
  void halve(Number&& number) {
    while (number(plan_) > 0 && left_ > 0) {
      TrialPlan smaller = plan_;
      number(smaller) /= 2;
      if (!try_instead(std::move(smaller))) return;
    }
  }

  TrialPlan plan_;
  const std::string kind_;
  int left_;
};

}  // namespace

TrialPlan shrink(TrialPlan plan, std::string_view violation, int most) {
  return Shrinking(std::move(plan), violation, most).run();
}

}  // namespace weir::sim
