// The buckets of Prometheus' histograms and of percentiles.
#include "proxy/observe/latency.h"

#include <chrono>
#include <cstdint>

#include "proxy/observe/duration_histogram.h"
#include "proxy/observe/shares.h"
#include "tests/unit/catch.h"

namespace weir::observe {
namespace {

using namespace std::chrono_literals;

Latency::Reading reading_of(const Latency& latency) {
  Latency::Reading reading{};
  latency.add_to(reading);
  return reading;
}

bool within_a_tenth(base::Duration is, base::Duration should) {
  return is >= should * 9 / 10 && is <= should * 11 / 10;
}

}  // namespace

TEST_CASE("a span falls into the first bound that it does not exceed") {
  const auto bucket = [](base::Duration span) { return DurationHistogram::bucket_of(span.count()); };
  CHECK(bucket(0ns) == 0);
  CHECK(bucket(100us) == 0);
  CHECK(bucket(100us + 1ns) == 1);
  CHECK(bucket(1ms) == 3);
  CHECK(bucket(1ms + 1ns) == 4);
  CHECK(bucket(60s) == DurationHistogram::kBounds.size() - 1);
  CHECK(bucket(61s) == DurationHistogram::kBounds.size());
  CHECK(bucket(24h * 365) == DurationHistogram::kBounds.size());
}

TEST_CASE("the quick way to a bucket agrees with the slow one") {
  const auto slow = [](std::int64_t ns) {
    std::size_t at = 0;
    while (at < DurationHistogram::kBounds.size() && ns > DurationHistogram::kBounds[at]) ++at;
    return at;
  };
  for (std::int64_t ns = 1; ns < std::int64_t{1} << 40; ns = ns * 5 / 4 + 1)
    for (const std::int64_t at : {ns - 1, ns, ns + 1}) REQUIRE(DurationHistogram::bucket_of(at) == slow(at));
}

TEST_CASE("a histogram counts what was observed, and a negative span as none") {
  DurationHistogram histogram;
  histogram.observe(50us);
  histogram.observe(2ms);
  histogram.observe(-1ns);
  CHECK(histogram.bucket(0) == 2);
  CHECK(histogram.bucket(4) == 1);
  CHECK(histogram.sum_ns() == 2'050'000);
}

TEST_CASE("latency buckets are in order, and each span lies in its own") {
  for (std::size_t i = 0; i + 1 < Latency::kBuckets; ++i) {
    REQUIRE(Latency::floor_of(i) < Latency::floor_of(i + 1));
    REQUIRE(Latency::bucket_of(Latency::floor_of(i)) == i);
    REQUIRE(Latency::bucket_of(Latency::floor_of(i + 1) - 1) == i);
  }
  CHECK(Latency::bucket_of(-5) == 0);
  CHECK(Latency::bucket_of(INT64_MAX) == Latency::kBuckets - 1);
}

TEST_CASE("percentiles are within a tenth of the truth") {
  Latency latency;
  for (int i = 1; i <= 1000; ++i) latency.observe(i * 1ms);
  const Latency::Reading reading = reading_of(latency);
  CHECK(within_a_tenth(percentile(reading, 0.5), 500ms));
  CHECK(within_a_tenth(percentile(reading, 0.99), 990ms));
  CHECK(within_a_tenth(percentile(reading, 0.01), 10ms));
}

TEST_CASE("percentiles of nothing, of one, and of what is beyond all bounds") {
  Latency latency;
  CHECK(percentile(reading_of(latency), 0.5) == 0ns);
  latency.observe(3ms);
  CHECK(within_a_tenth(percentile(reading_of(latency), 1.0), 3ms + 200us));
  Latency endless;
  endless.observe(24h);
  CHECK(percentile(reading_of(endless), 0.5) > 60s);
}

TEST_CASE("recent percentiles come from a difference, also across the counters' wrap") {
  Latency::Reading before{}, after{};
  before[20] = UINT32_MAX;
  after[20] = 9;
  Latency::Reading recent{};
  for (std::size_t i = 0; i < recent.size(); ++i) recent[i] = after[i] - before[i];
  CHECK(recent[20] == 10);
}

TEST_CASE("answers are counted by the first digit of their status") {
  StatusClasses answers;
  for (const int status : {0, 101, 200, 204, 302, 404, 503, 599}) answers.add(status);
  CHECK(answers.get(0) == 1);
  CHECK(answers.get(1) == 1);
  CHECK(answers.get(2) == 2);
  CHECK(answers.get(3) == 1);
  CHECK(answers.get(4) == 1);
  CHECK(answers.get(5) == 2);
}

TEST_CASE("shares of workers add up") {
  NodeCounts counts(3);
  counts.of(0).retries.add();
  counts.of(2).retries.add(4);
  CHECK(counts.sum([](const NodeShare& share) { return share.retries.get(); }) == 5);
  counts.of(1).note_answer_time(1ms);
  Latency::Reading reading{};
  for (const NodeShare& share : counts) share.add_latency_to(reading);
  CHECK(within_a_tenth(percentile(reading, 1.0), 1ms));
}

TEST_CASE("a shape is kept with fewer observations, and what is rare stays") {
  Latency::Reading counted{};
  counted[10] = 900'000;
  counted[20] = 99'999;
  counted[30] = 1;
  const Latency::Reading shape = scaled(counted, 100);
  CHECK(shape[10] == 90);
  CHECK(shape[20] == 10);
  CHECK(shape[30] == 1);
  CHECK(scaled(shape, 200) == shape);
  NodeCounts counts(2);
  counts.of(0).begin_with_answer_times(shape);
  counts.of(0).note_answer_time(1ms);
  Latency::Reading reading{};
  for (const NodeShare& share : counts) share.add_latency_to(reading);
  CHECK(reading[20] == 10);
  CHECK(reading[Latency::bucket_of(1'000'000)] == shape[Latency::bucket_of(1'000'000)] + 1);
}

}  // namespace weir::observe
