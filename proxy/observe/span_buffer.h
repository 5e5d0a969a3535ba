// One worker's spans on their way out: gathered in a batch, which is handed over when it is full or its owner
// says so. When batches are not taken as fast as they come, spans are dropped and counted instead, so that
// nobody ever waits. Loop thread only; the sink hears from any.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/observe/span.h"

namespace weir::observe {

struct SpanBatch {
  std::vector<Span> spans;
  std::shared_ptr<const void> place;  // among those that may wait; let go of it once the batch is taken in
};

class SpanSink {
 public:
  virtual void take(SpanBatch batch) = 0;            // any thread; never blocks
  virtual void on_dropped(std::uint64_t spans) = 0;  // any thread

 protected:
  ~SpanSink() = default;
};

class SpanBuffer {
 public:
  // Of a batch; of bytes one span more. Writing it out takes a few milliseconds at most.
  static constexpr std::size_t kMostSpans = 128;
  static constexpr std::size_t kMostBytes = 128 * 1024;
  static constexpr long kMostWaiting = 2;  // batches handed over and not taken in yet

  explicit SpanBuffer(SpanSink& sink) : sink_(sink), places_(std::make_shared<char>()) {}
  ~SpanBuffer() { hand_over(); }
  SpanBuffer(const SpanBuffer&) = delete;
  SpanBuffer& operator=(const SpanBuffer&) = delete;

  void add(Span span);
  void hand_over();
  bool empty() const { return spans_.empty(); }

 private:
  SpanSink& sink_;
  std::shared_ptr<const void> places_;  // each waiting batch holds it too
  std::vector<Span> spans_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::observe
