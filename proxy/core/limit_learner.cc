#include "proxy/core/limit_learner.h"

#include <algorithm>

namespace weir::core {

using policy::AdaptiveLimit;

void LimitLearner::begin(balancer::Node& node) {
  if (at_work_.exchange(true, std::memory_order_seq_cst)) return;
  if (learning_.exchange(true, std::memory_order_seq_cst)) return;  // from before: the next window sets it
  node.set_limit(limit_.limit());
  learning_.store(false, std::memory_order_seq_cst);
}

void LimitLearner::end(balancer::Node& node, std::uint64_t limit) {
  given_.store(limit, std::memory_order_seq_cst);
  at_work_.store(false, std::memory_order_seq_cst);
  node.set_limit(limit);
}

// Its bits before and behind the point; those behind it as if it grew evenly between two powers.
std::uint64_t LimitLearner::log2_of(base::Duration span) {
  const auto ns = static_cast<std::uint64_t>(std::max<base::Duration::rep>(span.count(), 1)) << kLogBits;
  const auto whole = static_cast<unsigned>(std::bit_width(ns)) - 1;
  const std::uint64_t part = (ns >> (whole - kLogBits)) - (std::uint64_t{1} << kLogBits);
  return (static_cast<std::uint64_t>(whole - kLogBits) << kLogBits) + part;
}

void LimitLearner::note_answer(std::size_t worker, base::Duration took, balancer::Node& node) {
  Share& share = shares_.of(worker);
  share.answers.add();
  share.logs.add(log2_of(took));
  const std::uint64_t in_flight = node.in_flight();
  if (in_flight > share.most_in_flight.load(std::memory_order_relaxed))
    share.most_in_flight.store(in_flight, std::memory_order_relaxed);
}

void LimitLearner::learn(base::Time now, balancer::Node& node, PoolGate& gate) {
  if (learning_.exchange(true, std::memory_order_seq_cst)) return;
  if (!at_work()) return learning_.store(false, std::memory_order_seq_cst);
  AdaptiveLimit::Window window;
  std::uint64_t answers = 0, logs = 0, overloads = 0;
  for (const Share& share : shares_) {
    answers += share.answers.get();
    logs += share.logs.get();
    overloads += share.overloads.get();
    window.most_in_flight =
        std::max(window.most_in_flight, share.most_in_flight.load(std::memory_order_relaxed));
  }
  window.answers = answers - answers_;
  window.log_sum = static_cast<double>(logs - logs_) / kLogUnit;
  window.overloads = overloads - overloads_;
  if (!is_over(now) && !AdaptiveLimit::is_too_much(window))
    return learning_.store(false, std::memory_order_seq_cst);
  next_.store((now + limit_.window()).time_since_epoch().count(), std::memory_order_relaxed);
  const std::uint64_t before = node.limit();
  if (limit_.take(window, now) == AdaptiveLimit::Verdict::taken) {
    answers_ = answers;
    logs_ = logs;
    overloads_ = overloads;
    for (const Share& share : shares_) share.most_in_flight.store(0, std::memory_order_relaxed);
  }
  if (at_work_.load(std::memory_order_seq_cst)) node.set_limit(limit_.limit());
  // It may have ended just then, and the limit that was given been overwritten.
  if (!at_work_.load(std::memory_order_seq_cst)) node.set_limit(given_.load(std::memory_order_seq_cst));
  const bool is_raised = node.limit() > before;
  learning_.store(false, std::memory_order_seq_cst);
  if (is_raised) gate.poke();
}

}  // namespace weir::core
