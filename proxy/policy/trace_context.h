// Which trace a request belongs to, and what the node is told of it: the fields traceparent and tracestate of
// W3C Trace Context (level 1). A valid context is continued, whoever sent it, and its caller's decision on
// sampling with it; otherwise a trace begins here. Pure: random bits are passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/trace_id.h"
#include "proxy/http/fields.h"

namespace weir::policy {

enum class Sampling : std::uint8_t { dropped, sampled };

struct TraceContext {
  base::TraceId trace;
  base::SpanId parent = 0;  // the caller's span; 0: the trace begins here
  Sampling sampling = Sampling::dropped;
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// What a traceparent says (3.2, 3.3). None unless it is valid: version 00 to the letter, higher versions as
// far as they are like it, no id all zero.
std::optional<TraceContext> parse_traceparent(std::string_view value);

// Random bits for a trace that begins here.
struct TraceDice {
  base::TraceId trace;
  std::uint64_t sampling = 0;
};

// The context of a request with these fields. Without a valid traceparent, or with several, it is a new one,
// which is sampled at odds of one in `one_in`, and a tracestate goes, since it speaks of another trace.
TraceContext trace_of(http::Fields& fields, const TraceDice& dice, std::uint32_t one_in);

// Tells whoever gets the fields that `span` is its caller.
void set_traceparent(http::Fields& fields, const TraceContext& context, base::SpanId span);

}  // namespace weir::policy
