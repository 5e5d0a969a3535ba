#include "tests/sim/weir_records.h"

namespace weir::sim {

void WeirRecords::add(const observe::Span& span, Sums& to) {
  ++to.answers[static_cast<std::size_t>(span.status / 100) % to.answers.size()];
  ++to.reasons[static_cast<std::size_t>(span.reason)];
}

void WeirRecords::compare(std::string_view what, std::uint64_t recorded, std::uint64_t counted) {
  if (recorded != counted) book_.broken("{}: {} by the records, {} by the counts", what, recorded, counted);
}

void WeirRecords::check_routes(const std::vector<std::shared_ptr<observe::RouteCounts>>& routes) {
  for (std::size_t digit = 0; digit < routed_.answers.size(); ++digit) {
    std::uint64_t counted = 0;
    for (const auto& route : routes)
      counted += route->sum([&](const observe::RouteShare& share) { return share.answers.get(digit); });
    compare("answers", routed_.answers[digit], counted);
  }
  for (std::size_t reason = 1; reason < routed_.reasons.size(); ++reason) {
    std::uint64_t counted = 0;
    for (const auto& route : routes)
      counted += route->sum([&](const observe::RouteShare& share) {
        return share.failures.get(static_cast<base::Reason>(reason));
      });
    compare(base::word(static_cast<base::Reason>(reason)), routed_.reasons[reason], counted);
  }
}

void WeirRecords::check_refused(const observe::ListenerCounts& listener) {
  compare("no node", no_node_, listener.sum([](const observe::ListenerShare& share) {
    return share.refused.get(base::Reason::no_node);
  }));
}

void WeirRecords::check_nodes(const std::vector<std::weak_ptr<core::Endpoint>>& nodes) {
  std::uint64_t refused = 0, timed_out = 0, retries = 0;
  std::array<std::uint64_t, observe::StatusClasses::kNames.size()> answers{};
  for (const auto& weak : nodes) {
    const auto endpoint = weak.lock();
    for (const observe::NodeShare& share : endpoint->counts) {
      refused += share.connect_refused.get();
      timed_out += share.connect_timeout.get();
      retries += share.retries.get();
      for (std::size_t digit = 0; digit < answers.size(); ++digit) answers[digit] += share.answers.get(digit);
    }
  }
  compare("connects refused", attempts_.of(base::Reason::connect_refused), refused);
  compare("connects without an answer", attempts_.of(base::Reason::connect_timeout), timed_out);
  compare("repeated attempts", repeated_, retries);
  for (std::size_t digit = 1; digit < answers.size(); ++digit)
    compare("answers of nodes", attempts_.answers[digit], answers[digit]);
}

void WeirRecords::take(observe::SpanBatch batch) {
  for (const observe::Span& span : batch.spans) {
    if (span.kind == observe::Span::Kind::client) {
      add(span, attempts_);
      if (span.attempt > 1) ++repeated_;
    } else {
      if (!span.route.empty()) add(span, routed_);
      if (span.reason == base::Reason::no_node) ++no_node_;
    }
    if (span.end_ns < span.begin_ns) book_.broken("a record of {} ends before it begins", span.target);
    RequestEntry* entry = book_.find(TrialBook::id_in(span.target));
    if (entry == nullptr)
      book_.broken("a record of a request that nobody sent: {}", span.target);
    else
      ++(span.kind == observe::Span::Kind::server ? entry->records : entry->attempts);
  }
}

}  // namespace weir::sim
