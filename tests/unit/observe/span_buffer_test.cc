// Spans in batches: their order, their bounds, and what happens when nobody takes them in.
#include "proxy/observe/span_buffer.h"

#include <deque>
#include <string>

#include "tests/unit/catch.h"

namespace weir::observe {
namespace {

// Batches that wait to be taken in, which lets go of their places.
struct Waiting final : SpanSink {
  void take(SpanBatch batch) override { batches.push_back(std::move(batch)); }
  void on_dropped(std::uint64_t spans) override { dropped += spans; }

  std::deque<SpanBatch> batches;
  std::uint64_t dropped = 0;
};

Span span(base::SpanId id, std::size_t text = 0) {
  Span made;
  made.id = id;
  made.target = std::string(text, 'x');
  return made;
}

}  // namespace

TEST_CASE("spans go in order, when they are asked for") {
  Waiting sink;
  SpanBuffer buffer(sink);
  CHECK(buffer.empty());
  buffer.hand_over();
  CHECK(sink.batches.empty());
  for (base::SpanId id = 1; id <= 3; ++id) buffer.add(span(id));
  CHECK_FALSE(buffer.empty());
  CHECK(sink.batches.empty());
  buffer.hand_over();
  CHECK(buffer.empty());
  REQUIRE(sink.batches.size() == 1);
  REQUIRE(sink.batches[0].spans.size() == 3);
  CHECK(sink.batches[0].spans[0].id == 1);
  CHECK(sink.batches[0].spans[2].id == 3);
}

TEST_CASE("a full batch goes by itself") {
  Waiting sink;
  SpanBuffer buffer(sink);
  for (std::size_t i = 1; i < SpanBuffer::kMostSpans; ++i) buffer.add(span(i));
  CHECK(sink.batches.empty());
  buffer.add(span(1000));
  REQUIRE(sink.batches.size() == 1);
  CHECK(sink.batches[0].spans.size() == SpanBuffer::kMostSpans);
  CHECK(buffer.empty());
}

TEST_CASE("long texts fill a batch sooner") {
  Waiting sink;
  SpanBuffer buffer(sink);
  int spans = 0;
  for (; sink.batches.empty(); ++spans) buffer.add(span(1, 4000));
  CHECK(spans > 25);
  CHECK(spans <= 33);
  for (; sink.batches.size() < 2; --spans) buffer.add(span(1, 4000));
  CHECK(spans == 0);  // the next one as many
}

TEST_CASE("what nobody takes in is dropped and counted, and no more than that") {
  Waiting sink;
  SpanBuffer buffer(sink);
  for (base::SpanId id = 1; id <= 4; ++id) {
    buffer.add(span(id));
    buffer.add(span(id));
    buffer.hand_over();
  }
  CHECK(sink.batches.size() == 2);
  CHECK(sink.dropped == 4);
  CHECK(buffer.empty());
  sink.batches.front().place.reset();
  buffer.add(span(5));
  buffer.hand_over();
  CHECK(sink.batches.size() == 3);
  CHECK(sink.batches.back().spans[0].id == 5);
  buffer.add(span(6));
  buffer.hand_over();
  CHECK(sink.dropped == 5);
}

TEST_CASE("the end hands over what there is") {
  Waiting sink;
  {
    SpanBuffer(sink).add(span(1));
  }
  CHECK(sink.batches.size() == 1);
}

}  // namespace weir::observe
