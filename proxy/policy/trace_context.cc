#include "proxy/policy/trace_context.h"

#include <array>

#include "proxy/base/put.h"

namespace weir::policy {
namespace {

using http::FieldId;

// VERSION-TRACE-PARENT-FLAGS: where each stands, and how long that is.
constexpr std::size_t kTraceAt = 3, kParentAt = 36, kFlagsAt = 53, kSize = 55;
constexpr unsigned kSampledFlag = 1;
constexpr unsigned kNoVersion = 0xff;

// Up to 16 digits, all of them lower case.
std::optional<std::uint64_t> parse_hex(std::string_view digits) {
  std::uint64_t number = 0;
  for (const char c : digits) {
    const bool letter = c >= 'a' && c <= 'f';
    if (!letter && (c < '0' || c > '9')) return std::nullopt;
    number = number << 4 | static_cast<unsigned>(letter ? c - 'a' + 10 : c - '0');
  }
  return number;
}

bool is_divided(std::string_view value) {
  return value[kTraceAt - 1] == '-' && value[kParentAt - 1] == '-' && value[kFlagsAt - 1] == '-';
}

// What follows the flags in a higher version begins with a dash.
bool may_be_longer(std::string_view value, std::uint64_t version) {
  return value.size() == kSize || (version > 0 && value[kSize] == '-');
}

TraceContext begun(const TraceDice& dice, std::uint32_t one_in) {
  TraceContext context;
  context.trace = dice.trace ? dice.trace : base::TraceId{0, 1};
  if ((dice.sampling >> 32) * one_in >> 32 == 0) context.sampling = Sampling::sampled;
  return context;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view value) {
  if (value.size() < kSize || !is_divided(value)) return std::nullopt;
  const auto version = parse_hex(value.substr(0, kTraceAt - 1));
  const auto high = parse_hex(value.substr(kTraceAt, 16));
  const auto low = parse_hex(value.substr(kTraceAt + 16, 16));
  const auto parent = parse_hex(value.substr(kParentAt, 16));
  const auto flags = parse_hex(value.substr(kFlagsAt, 2));
  if (!version || !high || !low || !parent || !flags) return std::nullopt;
  if (*version == kNoVersion || !may_be_longer(value, *version)) return std::nullopt;
  const TraceContext context{
      {*high, *low}, *parent, (*flags & kSampledFlag) != 0 ? Sampling::sampled : Sampling::dropped};
  if (!context.trace || context.parent == 0) return std::nullopt;
  return context;
}

TraceContext trace_of(http::Fields& fields, const TraceDice& dice, std::uint32_t one_in) {
  if (const auto given = fields.get(FieldId::traceparent); given && !fields.repeated(FieldId::traceparent))
    if (const auto context = parse_traceparent(*given)) return *context;
  fields.remove(FieldId::tracestate);
  return begun(dice, one_in);
}

void set_traceparent(http::Fields& fields, const TraceContext& context, base::SpanId span) {
  std::array<char, kSize> text;
  char* to = text.data();
  to = base::put_hex(base::put(to, "00-"), context.trace);
  to = base::put_hex(base::put(to, "-"), span);
  base::put(to, context.sampling == Sampling::sampled ? "-01" : "-00");
  fields.set(FieldId::traceparent, {text.data(), text.size()});
}

}  // namespace weir::policy
