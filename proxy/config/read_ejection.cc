#include "proxy/config/read_ejection.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

constexpr std::uint64_t kMostInARow = 1000;
constexpr DurationRange kEjectionTimes{100ms, 24h};

void read_in_a_row(const Field& field, std::uint32_t& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off")
    out = 0;
  else
    read_count32(field, out, CountRange{1, kMostInARow});
}

void read_share(const Field& field, std::uint32_t& out) {
  std::uint32_t percent = out;
  read_percent(field, percent, 100);
  if (percent == 0) return field.fail("is 0%, so that no node could ever be ejected; set ejection: off");
  out = percent;
}

void read_switch(const Field& field, bool& out) {
  read_word(field, out, std::span(kOffOn));
}

bool has_rules(const Ejection& ejection) {
  return ejection.connect_failures > 0 || ejection.gateway_errors > 0 || ejection.success_rate ||
         ejection.latency;
}

void warn_of_no_rules(const Field& field) {
  field.report.warning(field.value.at, field.path,
                       "has no effect: connect_failures, gateway_errors, success_rate and latency are off, "
                       "so that no node is ejected");
}

}  // namespace

void read_ejection(const Field& field, std::optional<Ejection>& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off") {
    out.reset();
    return;
  }
  if (!field.must_be(Value::Kind::map, "off, or a map with " + joined(keys::kEjectionKeys))) return;
  const Section section(field, keys::kEjection);
  Ejection ejection;
  section.read("connect_failures", read_in_a_row, ejection.connect_failures);
  section.read("gateway_errors", read_in_a_row, ejection.gateway_errors);
  section.read("success_rate", read_switch, ejection.success_rate);
  section.read("latency", read_switch, ejection.latency);
  section.read("time", read_duration, ejection.time, kEjectionTimes);
  ejection.max_time = std::max(ejection.max_time, ejection.time);
  section.read("max_time", read_duration, ejection.max_time, kEjectionTimes);
  if (ejection.max_time < ejection.time)
    section.read("max_time", [&](const Field& most) {
      most.fail(fmt::format("is shorter than time, which is {}", written(ejection.time)));
    });
  section.read("max_ejected", read_share, ejection.max_ejected);
  if (!has_rules(ejection) && !field.report.failed())
    for (const std::string_view key : {"time", "max_time", "max_ejected"})
      section.read(key, warn_of_no_rules);
  out = ejection;
}

}  // namespace weir::config
