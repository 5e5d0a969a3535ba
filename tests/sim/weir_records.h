// What the exchanges of one process leave: a span each, and one for each attempt. The book hears which
// request each is of; their sums must be what the process has counted.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/core/endpoint.h"
#include "proxy/observe/shares.h"
#include "proxy/observe/span_buffer.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

class WeirRecords final : public observe::SpanSink {
 public:
  // `on_first` hears of each request's first attempt.
  using OnFirst = std::function<void(const RequestEntry& entry, const observe::Span& attempt)>;
  WeirRecords(TrialBook& book, OnFirst on_first) : book_(book), on_first_(std::move(on_first)) {}
  void take(observe::SpanBatch batch) override;
  void on_dropped(std::uint64_t spans) override { book_.broken("{} records were dropped", spans); }

  // Of everything there are as many records as are counted; `nodes` are all that there ever were, none
  // twice.
  void check_routes(const std::vector<std::shared_ptr<observe::RouteCounts>>& routes);
  void check_refused(const std::vector<std::shared_ptr<observe::ListenerCounts>>& listeners);
  void check_nodes(const std::vector<std::weak_ptr<core::Endpoint>>& nodes, std::uint64_t hedges);

 private:
  struct Sums {
    std::array<std::uint64_t, observe::StatusClasses::kNames.size()> answers{};  // by first digit
    std::array<std::uint64_t, observe::Reasons::kSize> reasons{};
    std::uint64_t of(base::Reason reason) const { return reasons[static_cast<std::size_t>(reason)]; }
  };
  static void add(const observe::Span& span, Sums& to);
  void compare(std::string_view what, std::uint64_t recorded, std::uint64_t counted);

  TrialBook& book_;
  const OnFirst on_first_;
  Sums routed_, attempts_;
  std::uint64_t no_node_ = 0, repeated_ = 0;
};

}  // namespace weir::sim
