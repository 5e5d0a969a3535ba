#include "proxy/config/read_timeouts.h"

#include "proxy/config/scalar.h"

namespace weir::config {
namespace {

constexpr CountRange kRate{1, std::uint64_t{1} << 30};  // a second

void read_rate_override(const Field& field, std::optional<std::uint64_t>& out) {
  std::uint64_t rate = kUnlimited;
  read_size_or_off(field, rate, kRate);
  if (rate != kUnlimited) out = rate;
}

}  // namespace

// A client that says nothing must not hold a connection for ever, so header, idle and body are never off.
void read_timeouts(const Field& field, Timeouts& out) {
  const Section section(field, keys::kTimeouts);
  section.read("header", read_duration, out.header, kTimeout);
  section.read("idle", read_duration, out.idle, kTimeout);
  section.read("body", read_duration, out.body, kTimeout);
  section.read("connect", read_duration, out.connect, kTimeout);
  section.read("response", read_duration, out.response, kTimeoutOrOff);
  section.read("attempt", read_duration, out.attempt, kTimeoutOrOff);
  section.read("request", read_duration, out.request, kTimeoutOrOff);
  section.read("stream_idle", read_duration, out.stream_idle, kTimeoutOrOff);
  section.read("tunnel", read_duration, out.tunnel, kTimeoutOrOff);
  section.read("min_rate", read_size_or_off, out.min_rate, kRate);
}

void read_timeout_overrides(const Field& field, TimeoutOverrides& out, const KeyTable& table) {
  const Section section(field, table);
  section.read("body", read_duration_override, out.body, kTimeout);
  section.read("connect", read_duration_override, out.connect, kTimeout);
  section.read("response", read_duration_override, out.response, kTimeoutOrOff);
  section.read("attempt", read_duration_override, out.attempt, kTimeoutOrOff);
  section.read("request", read_duration_override, out.request, kTimeoutOrOff);
  section.read("stream_idle", read_duration_override, out.stream_idle, kTimeoutOrOff);
  section.read("tunnel", read_duration_override, out.tunnel, kTimeoutOrOff);
  section.read("min_rate", read_rate_override, out.min_rate);
}

}  // namespace weir::config
