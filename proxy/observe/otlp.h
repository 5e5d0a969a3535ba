// Spans in the words of OpenTelemetry: the JSON form of OTLP 1.x (ExportTraceServiceRequest and its answer),
// with the attributes of the HTTP semantic conventions and Weir's own (weir.route, weir.pool, weir.node,
// weir.reason). Pure; what clients sent may be any bytes. The control thread's: a batch takes milliseconds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/observe/span.h"

namespace weir::observe {

std::string otlp_request(std::span<const Span> spans, std::string_view service);

// What a collector says of an export that it accepted (partialSuccess). An answer that is no JSON, or says
// nothing of the kind, rejects nothing.
struct OtlpAnswer {
  std::uint64_t rejected_spans = 0;
  std::string message;
};
OtlpAnswer parse_otlp_answer(std::string_view body);

}  // namespace weir::observe
