#include "proxy/config/read_hedge.h"

#include "proxy/base/ascii.h"
#include "proxy/config/scalar.h"

namespace weir::config {
namespace {

constexpr std::string_view kAllowedHedges = "off, or a map with after";
constexpr DurationRange kHedgeAfter{1ms, 1h};

void read_after(const Field& field, Hedge& out) {
  constexpr std::string_view kAllowed = "p50 to p99, or 1ms to 1h (units: ms, s, m, h, d)";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (!text.starts_with('p')) return read_duration(field, out.after, kHedgeAfter);
  if (text.size() != 3 || text[1] < '5' || text[1] > '9' || !base::is_digit(text[2]))
    return field.refuse(kAllowed);
  out.percentile = static_cast<std::uint32_t>((text[1] - '0') * 10 + (text[2] - '0'));
}

void read_hedge_of(const Field& field, Hedge& out, const KeyTable& table) {
  if (field.is(Value::Kind::scalar)) {
    if (field.value.text != "off") field.refuse(kAllowedHedges);
    out = {};
    return;
  }
  const Section section(field, table);
  section.require("after", read_after, out);
}

}  // namespace

void read_hedge(const Field& field, Hedge& out) {
  read_hedge_of(field, out, keys::kHedge);
}

void read_hedge_override(const Field& field, std::optional<Hedge>& out) {
  read_hedge_of(field, out.emplace(), keys::kRouteHedge);
}

}  // namespace weir::config
