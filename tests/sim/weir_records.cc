#include "tests/sim/weir_records.h"

#include <algorithm>

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

void WeirRecords::check_refused(const std::vector<std::shared_ptr<observe::ListenerCounts>>& listeners) {
  std::uint64_t refused = 0;
  for (const auto& listener : listeners)
    refused += listener->sum(
        [](const observe::ListenerShare& share) { return share.refused.get(base::Reason::no_node); });
  compare("no node", no_node_, refused);
}

void WeirRecords::check_nodes(const std::vector<std::weak_ptr<core::Endpoint>>& nodes, std::uint64_t hedges) {
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
  // A node that is not spoken to for its TLS counts as one that refused; an answer that is no HTTP does not.
  const std::uint64_t refusals = attempts_.of(base::Reason::connect_refused);
  const std::uint64_t bad = attempts_.of(base::Reason::upstream_bad);
  const bool by_tls = !book_.plan().tls_nodes.empty();
  compare("connects refused", by_tls ? std::clamp(refused, refusals, refusals + bad) : refusals, refused);
  compare("connects without an answer", attempts_.of(base::Reason::connect_timeout), timed_out);
  compare("repeated attempts", repeated_, retries + hedges);
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
      if (span.reason == base::Reason::no_node && span.node.empty()) ++no_node_;
    }
    if (span.end_ns < span.begin_ns) book_.broken("a record of {} ends before it begins", span.target);
    if (span.target == kFloodTarget) continue;
    RequestEntry* entry = book_.find(TrialBook::id_in(span.target));
    if (entry == nullptr)
      book_.broken("a record of a request that nobody sent: {}", span.target);
    else if (span.kind == observe::Span::Kind::server)
      ++entry->records;
    else if (++entry->attempts, span.attempt == 1)
      on_first_(*entry, span);
    if (entry != nullptr && span.kind == observe::Span::Kind::server && span.node.empty() &&
        span.reason == base::Reason::overloaded)
      entry->shed = true;
  }
}

}  // namespace weir::sim
