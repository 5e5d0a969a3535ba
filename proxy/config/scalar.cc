#include "proxy/config/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "proxy/base/ascii.h"

namespace weir::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// The largest comes first, for writing.
constexpr Unit kDurationUnits[] = {{"d", 86'400'000'000'000},
                                   {"h", 3'600'000'000'000},
                                   {"m", 60'000'000'000},
                                   {"s", 1'000'000'000},
                                   {"ms", 1'000'000}};
constexpr Unit kSizeUnits[] = {{"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}};

constexpr std::uint64_t kHuge = std::numeric_limits<std::int64_t>::max();

// A whole or decimal number with its unit, in nanoseconds or bytes.
struct Quantity {
  enum class Fault : std::uint8_t { none, no_number, no_unit, unknown_unit } fault = Fault::none;
  std::uint64_t value = 0;
};

// Whole numbers alone, so that nothing is rounded; saturates. Of a fraction six digits count.
std::uint64_t multiplied(std::string_view whole, std::string_view fraction, std::uint64_t factor) {
  const std::uint64_t most = std::min(kHuge / factor - 1, kHuge / 64);
  std::uint64_t value = 0;
  for (char c : whole) value = std::min(value * 10 + static_cast<unsigned>(c - '0'), most);
  std::uint64_t millionths = 0;
  for (std::size_t i = 0; i < 6; ++i)
    millionths = millionths * 10 + (i < fraction.size() ? static_cast<unsigned>(fraction[i] - '0') : 0);
  return value * factor + millionths * factor / 1'000'000;
}

Quantity parse_quantity(std::string_view text, std::span<const Unit> units) {
  const std::string_view number = text.substr(0, text.find_first_not_of("0123456789."));
  const std::size_t dot = std::min(number.find('.'), number.size());
  const std::string_view whole = number.substr(0, dot);
  const std::string_view fraction = dot < number.size() ? number.substr(dot + 1) : std::string_view();
  if (whole.empty() || fraction.find('.') != fraction.npos || (dot < number.size() && fraction.empty()))
    return {Quantity::Fault::no_number, 0};
  const std::string_view name = text.substr(number.size());
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const Unit& each) { return each.name == name; });
  if (unit == units.end())
    return {name.empty() ? Quantity::Fault::no_unit : Quantity::Fault::unknown_unit, 0};
  return {Quantity::Fault::none, multiplied(whole, fraction, unit->factor)};
}

std::string with_unit(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units)
    if (value >= unit.factor && value % unit.factor == 0)
      return fmt::format("{}{}", value / unit.factor, unit.name);
  return fmt::format("{}{}", value, units.back().name);
}

std::string allowed_durations(const DurationRange& range) {
  return fmt::format("{}{} to {} (units: ms, s, m, h, d)",
                     range.off == DurationRange::Off::allowed ? "off, or " : "", written(range.least),
                     written(range.most));
}

// A word that is allowed besides, and what it stands for.
struct SizeWord {
  std::string_view word;  // ""; none
  std::uint64_t value = 0;
};

void read_any_size(const Field& field, std::uint64_t& out, const CountRange& range, const SizeWord& besides) {
  const std::string allowed =
      fmt::format("{}{}{} to {} (units: B, KiB, MiB, GiB)", besides.word, besides.word.empty() ? "" : ", or ",
                  with_unit(range.least, kSizeUnits), with_unit(range.most, kSizeUnits));
  if (!field.must_be(Value::Kind::scalar, allowed)) return;
  const std::string& text = field.value.text;
  if (!besides.word.empty() && text == besides.word) {
    out = besides.value;
    return;
  }
  const bool bare = !text.empty() && std::all_of(text.begin(), text.end(), base::is_digit);
  const Quantity size = parse_quantity(bare ? text + "B" : text, kSizeUnits);
  if (size.fault == Quantity::Fault::unknown_unit || size.fault == Quantity::Fault::no_unit)
    return field.fail(
        fmt::format("{} has no unit that Weir knows; allowed: B, KiB, MiB, GiB", in_quotes(text)));
  if (size.fault != Quantity::Fault::none || size.value < range.least || size.value > range.most)
    return field.refuse(allowed);
  out = size.value;
}

void read_any_count(const Field& field, std::uint64_t& out, const CountRange& range,
                    const SizeWord& besides) {
  const std::string allowed = fmt::format("{}{}a whole number from {} to {}", besides.word,
                                          besides.word.empty() ? "" : ", or ", range.least, range.most);
  if (!field.must_be(Value::Kind::scalar, allowed)) return;
  const std::string& text = field.value.text;
  if (!besides.word.empty() && text == besides.word) {
    out = besides.value;
    return;
  }
  std::uint64_t value = 0;
  for (char c : text) {
    if (!base::is_digit(c)) return field.refuse(allowed);
    value = std::min<std::uint64_t>(value * 10 + static_cast<unsigned>(c - '0'), kHuge / 16);
  }
  if (text.empty() || value < range.least || value > range.most) return field.refuse(allowed);
  out = value;
}

void read_any_percent(const Field& field, std::uint32_t& out, std::uint32_t most,
                      const std::string& allowed) {
  if (!field.must_be(Value::Kind::scalar, allowed)) return;
  const std::string& text = field.value.text;
  if (text.size() < 2 || text.size() > 4 || text.back() != '%' ||
      !std::all_of(text.begin(), text.end() - 1, base::is_digit))
    return field.refuse(allowed);
  const auto percent = static_cast<std::uint32_t>(std::stoul(text));
  if (percent > most) return field.refuse(allowed);
  out = percent;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const Quantity duration = parse_quantity(text, kDurationUnits);
  if (duration.fault != Quantity::Fault::none) return std::nullopt;
  return Duration{static_cast<Duration::rep>(duration.value)};
}

std::string written(Duration duration) {
  if (duration % 1ms != Duration::zero())
    return fmt::format("{}ms", std::chrono::duration<double, std::milli>(duration).count());
  return with_unit(static_cast<std::uint64_t>(duration.count()), kDurationUnits);
}

std::string written_size(std::uint64_t bytes) {
  return with_unit(bytes, kSizeUnits);
}

void read_duration(const Field& field, Duration& out, const DurationRange& range) {
  const std::string allowed = allowed_durations(range);
  if (!field.must_be(Value::Kind::scalar, allowed)) return;
  const std::string& text = field.value.text;
  if (range.off == DurationRange::Off::allowed && text == "off") {
    out = kOff;
    return;
  }
  const Quantity duration = parse_quantity(text, kDurationUnits);
  if (duration.fault == Quantity::Fault::no_unit)
    return field.fail(fmt::format("{} lacks a unit; write {}s or {}ms", in_quotes(text), text, text));
  if (duration.fault == Quantity::Fault::unknown_unit)
    return field.fail(
        fmt::format("{} has no unit that Weir knows; allowed: ms, s, m, h, d", in_quotes(text)));
  const Duration value{static_cast<Duration::rep>(duration.value)};
  if (duration.fault != Quantity::Fault::none || value < range.least || value > range.most)
    return field.refuse(allowed);
  out = value;
}

void read_duration_override(const Field& field, std::optional<Duration>& out, const DurationRange& range) {
  Duration value = Duration::min();
  read_duration(field, value, range);
  if (value != Duration::min()) out = value;
}

void read_size(const Field& field, std::uint64_t& out, const CountRange& range) {
  read_any_size(field, out, range, {});
}

void read_size_or_unlimited(const Field& field, std::uint64_t& out, const CountRange& range) {
  read_any_size(field, out, range, {"unlimited", kUnlimited});
}

void read_size_or_off(const Field& field, std::uint64_t& out, const CountRange& range) {
  read_any_size(field, out, range, {"off", 0});
}

void read_count(const Field& field, std::uint64_t& out, const CountRange& range) {
  read_any_count(field, out, range, {});
}

void read_count_or_unlimited(const Field& field, std::uint64_t& out, const CountRange& range) {
  read_any_count(field, out, range, {"unlimited", kUnlimited});
}

void read_max_in_flight(const Field& field, std::uint64_t& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "adaptive")
    out = kAdaptive;
  else if (field.is(Value::Kind::scalar) && field.value.text == "unlimited")
    out = kUnlimited;
  else
    read_any_count(field, out, kMostInFlight, {"adaptive, unlimited", kUnlimited});
}

void read_max_connections(const Field& field, std::uint64_t& out) {
  read_count_or_unlimited(field, out, kMostInFlight);
}

std::string written_limit(std::uint64_t limit) {
  if (limit == kUnlimited) return "unlimited";
  return limit == kAdaptive ? "adaptive" : std::to_string(limit);
}

void read_count32(const Field& field, std::uint32_t& out, const CountRange& range) {
  std::uint64_t value = out;
  read_count(field, value, range);
  out = static_cast<std::uint32_t>(value);
}

void read_percent(const Field& field, std::uint32_t& out, std::uint32_t most) {
  read_any_percent(field, out, most, fmt::format("0% to {}%", most));
}

void read_percent_or_off(const Field& field, std::uint32_t& out, std::uint32_t most, std::uint32_t off) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off")
    out = off;
  else
    read_any_percent(field, out, most, fmt::format("off, or 0% to {}%", most));
}

void read_sample(const Field& field, std::uint32_t& one_in) {
  constexpr std::string_view kAllowed = "1/N, one in N, with N from 1 (all) to 1000000";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const bool whole = text.size() > 2 && text.starts_with("1/") && base::is_digit(text[2]) &&
                     std::from_chars(text.data() + 2, end, value).ptr == end;
  if (!whole || value < 1 || value > 1'000'000) return field.refuse(kAllowed);
  one_in = value;
}

void read_name(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed = "1 to 128 printable characters";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  const bool printable = std::all_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (text.empty() || text.size() > kMostName || !printable) return field.refuse(kAllowed);
  out = text;
}

}  // namespace weir::config
