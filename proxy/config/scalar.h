// Readers of single values: durations, sizes, counts, words. Each checks its range, and leaves `out` as it
// was if the value is refused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/config/section.h"

namespace weir::config {

struct DurationRange {
  Duration least;
  Duration most;
  enum class Off : std::uint8_t { refused, allowed } off = Off::refused;
};
inline constexpr Duration kYear = 365 * 24h;
inline constexpr DurationRange kTimeout{1ms, kYear};
inline constexpr DurationRange kTimeoutOrOff{1ms, kYear, DurationRange::Off::allowed};

struct CountRange {
  std::uint64_t least;
  std::uint64_t most;
};

// 150ms, 2s, 1m, 1h, 1d, 1.5s; "off" where the range says so.
void read_duration(const Field& field, Duration& out, const DurationRange& range);
void read_duration_override(const Field& field, std::optional<Duration>& out, const DurationRange& range);
// 64KiB, 10MiB, 1GiB, 512B, 512.
void read_size(const Field& field, std::uint64_t& out, const CountRange& range);
// The same, or "off", which is 0.
void read_size_or_off(const Field& field, std::uint64_t& out, const CountRange& range);
// The same, or "unlimited".
void read_size_or_unlimited(const Field& field, std::uint64_t& out, const CountRange& range);
// A whole number without unit.
void read_count(const Field& field, std::uint64_t& out, const CountRange& range);
// The same, or "unlimited".
void read_count_or_unlimited(const Field& field, std::uint64_t& out, const CountRange& range);
// What a limit of requests or connections may be.
inline constexpr CountRange kMostInFlight{1, 1'000'000};
// That, "unlimited" or "adaptive".
void read_max_in_flight(const Field& field, std::uint64_t& out);
void read_max_connections(const Field& field, std::uint64_t& out);
// One of these in the form that it is read in: 20, unlimited, adaptive.
std::string written_limit(std::uint64_t limit);
void read_count32(const Field& field, std::uint32_t& out, const CountRange& range);
// A whole number with a percent sign: 10%.
void read_percent(const Field& field, std::uint32_t& out, std::uint32_t most);
// The same, or "off", which is `off`.
void read_percent_or_off(const Field& field, std::uint32_t& out, std::uint32_t most, std::uint32_t off);
// What read_duration reads; none: it is no duration.
std::optional<Duration> parse_duration(std::string_view text);
// A duration in the form that read_duration reads: 1s, 150ms.
std::string written(Duration duration);
// A size in the form that read_size reads: 64KiB, 1500B.
std::string written_size(std::uint64_t bytes);
// One in N, written 1/N, with N from 1 (all) to 1000000.
void read_sample(const Field& field, std::uint32_t& one_in);
// One of `words`, which are how the enum's values are spelled, in their order.
template <class Enum>
void read_word(const Field& field, Enum& out, std::span<const std::string_view> words) {
  if (!field.must_be(Value::Kind::scalar, joined(words))) return;
  const auto found = std::find(words.begin(), words.end(), field.value.text);
  if (found == words.end()) return field.refuse(joined(words) + suggestion(field.value.text, words));
  out = static_cast<Enum>(found - words.begin());
}
// Of switches, in the order of their enums.
inline constexpr std::string_view kOffOn[] = {"off", "on"};
inline constexpr std::string_view kFalseTrue[] = {"false", "true"};
// How config::Protocol is spelled.
inline constexpr std::string_view kProtocols[] = {"auto", "h1", "h2"};
// How config::Mode and config::ProxyProtocol are; nodes are sent none of `any`.
inline constexpr std::string_view kModes[] = {"http", "tcp"};
inline constexpr std::string_view kProxyProtocols[] = {"off", "v1", "v2", "any"};
inline constexpr auto kSentProxyProtocols = std::span(kProxyProtocols).first<3>();
// How config::Priority is.
inline constexpr std::string_view kPriorities[] = {"low", "normal", "high"};
// And tls::ClientAuth.
inline constexpr std::string_view kClientAuths[] = {"none", "optional", "required"};
// A name for logs and metrics: 1 to 128 printable characters (bytes, more exactly).
inline constexpr std::size_t kMostName = 128;
void read_name(const Field& field, std::string& out);

}  // namespace weir::config
