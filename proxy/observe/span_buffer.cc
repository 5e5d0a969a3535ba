#include "proxy/observe/span_buffer.h"

#include <utility>

namespace weir::observe {

void SpanBuffer::add(Span span) {
  bytes_ += span.bytes();
  spans_.push_back(std::move(span));
  if (spans_.size() >= kMostSpans || bytes_ >= kMostBytes) hand_over();
}

void SpanBuffer::hand_over() {
  if (spans_.empty()) return;
  bytes_ = 0;
  if (places_.use_count() > kMostWaiting) {
    sink_.on_dropped(spans_.size());
    return spans_.clear();
  }
  sink_.take({std::exchange(spans_, {}), places_});
}

}  // namespace weir::observe
