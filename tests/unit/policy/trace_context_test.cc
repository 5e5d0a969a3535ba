// Whose trace a request belongs to: what a traceparent may be, and what becomes of one that may not.
#include "proxy/policy/trace_context.h"

#include <string>

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";
const std::string kGood = "00-" + kTrace + "-" + kSpan + "-01";
constexpr base::TraceId kTraceId{0x0af7651916cd43dd, 0x8448eb211c80319c};
constexpr base::SpanId kSpanId = 0xb7ad6b7169203331;
constexpr TraceDice kDice{{5, 6}, 1ull << 63};  // of two, the second

std::string with(std::size_t at, std::string_view text) {
  std::string value = kGood;
  return value.replace(at, text.size(), text);
}

std::string all(const http::Fields& fields) {
  std::string text;
  fields.for_each(
      [&](const http::Field& field) { text.append(field.name).append("=").append(field.value).append(";"); });
  return text;
}

}  // namespace

TEST_CASE("a valid traceparent says trace, parent and decision") {
  CHECK(parse_traceparent(kGood) == TraceContext{kTraceId, kSpanId, Sampling::sampled});
  CHECK(parse_traceparent(with(53, "00")) == TraceContext{kTraceId, kSpanId, Sampling::dropped});
  CHECK(parse_traceparent(with(53, "ff"))->sampling == Sampling::sampled);  // unknown flags mean nothing
  CHECK(parse_traceparent(with(53, "fe"))->sampling == Sampling::dropped);
}

TEST_CASE("higher versions count as far as they are like this one") {
  for (const std::string& value : {with(0, "01"), with(0, "cc"), with(0, "fe"), with(0, "01") + "-",
                                   with(0, "01") + "-what-the-future-holds"}) {
    INFO(value);
    CHECK(parse_traceparent(value) == TraceContext{kTraceId, kSpanId, Sampling::sampled});
  }
  for (const std::string& value : {with(0, "01") + ".", with(0, "01") + "0", with(0, "01").substr(0, 54)}) {
    INFO(value);
    CHECK_FALSE(parse_traceparent(value));
  }
}

TEST_CASE("what is not valid to the letter is no context") {
  for (const std::string& value : {std::string(),
                                   std::string("-"),
                                   std::string(55, '-'),
                                   std::string(55, '0'),
                                   std::string(8000, 'a'),
                                   kGood + "-",
                                   kGood + "-00",
                                   kGood + " ",
                                   " " + kGood,
                                   kGood.substr(1),
                                   kGood.substr(0, 54),
                                   with(0, "ff"),
                                   with(0, "0x"),
                                   with(0, "0G"),
                                   with(2, "_"),
                                   with(35, "_"),
                                   with(52, " "),
                                   with(3, "A"),
                                   with(3, "g"),
                                   with(34, "/"),
                                   with(36, ":"),
                                   with(51, "`"),
                                   with(53, "0X"),
                                   with(53, "-1"),
                                   with(54, std::string_view("\0", 1)),
                                   with(3, std::string(32, '0')),
                                   with(36, std::string(16, '0')),
                                   with(40, "\xff"),
                                   "00-" + kTrace + "-" + kTrace.substr(0, 16) + "01",
                                   kGood + "," + kGood}) {
    INFO(value);
    CHECK_FALSE(parse_traceparent(value));
  }
}

TEST_CASE("one half of a trace id may be zero") {
  CHECK(parse_traceparent(with(3, std::string(16, '0')))->trace == base::TraceId{0, kTraceId.low});
  CHECK(parse_traceparent(with(19, std::string(16, '0')))->trace == base::TraceId{kTraceId.high, 0});
}

TEST_CASE("a context is continued, whatever the odds") {
  http::Fields fields;
  fields.add("traceparent", kGood);
  fields.add("tracestate", "a=1");
  fields.add("TraceState", "b=2");
  CHECK(trace_of(fields, kDice, 1'000'000) == TraceContext{kTraceId, kSpanId, Sampling::sampled});
  CHECK(all(fields) == "traceparent=" + kGood + ";tracestate=a=1;TraceState=b=2;");
  fields.clear();
  fields.add("traceparent", with(53, "00"));
  CHECK(trace_of(fields, kDice, 1).sampling == Sampling::dropped);
}

TEST_CASE("without a context a trace begins, and tracestate goes") {
  http::Fields fields;
  SECTION("none came") {}
  SECTION("it is broken") {
    fields.add("traceparent", with(3, "X"));
  }
  SECTION("it came twice") {
    fields.add("traceparent", kGood);
    fields.add("Traceparent", kGood);
  }
  fields.add("tracestate", "a=1");
  fields.add("tracestate", "b=2");
  CHECK(trace_of(fields, kDice, 1) == TraceContext{kDice.trace, 0, Sampling::sampled});
  CHECK_FALSE(fields.has(http::FieldId::tracestate));
}

TEST_CASE("one in so many is sampled") {
  const auto share = [](std::uint32_t one_in) {
    int sampled = 0;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
      http::Fields none;
      const TraceDice dice{{1, 1}, i * (UINT64_MAX / 10'000) + 1'000'000'000'000};
      sampled += trace_of(none, dice, one_in).sampling == Sampling::sampled ? 1 : 0;
    }
    return sampled;
  };
  CHECK(share(1) == 10'000);
  CHECK(share(2) == 5'000);
  CHECK(share(100) == 100);
  CHECK(share(10'000) == 1);
  http::Fields none;
  CHECK(trace_of(none, {{1, 1}, UINT64_MAX}, 1).sampling == Sampling::sampled);
  CHECK(trace_of(none, {{1, 1}, UINT64_MAX}, 2).sampling == Sampling::dropped);
}

TEST_CASE("a trace that begins has an id, whatever the dice say") {
  http::Fields none;
  CHECK(trace_of(none, {}, 1).trace);
}

TEST_CASE("whoever gets the request hears of one caller") {
  http::Fields fields;
  fields.add("Traceparent", "broken");
  fields.add("TRACEPARENT", kGood);
  set_traceparent(fields, {kTraceId, 0, Sampling::sampled}, kSpanId);
  CHECK(all(fields) == "traceparent=" + kGood + ";");
  set_traceparent(fields, {{0, 1}, kSpanId, Sampling::dropped}, 0xf);
  CHECK(all(fields) == "traceparent=00-00000000000000000000000000000001-000000000000000f-00;");
  CHECK(parse_traceparent(*fields.get("traceparent")) == TraceContext{{0, 1}, 0xf, Sampling::dropped});
}

}  // namespace weir::policy
