#include "proxy/config/log_template.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "proxy/config/section.h"

namespace weir::config {
namespace {

constexpr std::string_view kNames[] = {
    "time",     "client",     "method",   "host",        "path",    "protocol",       "status",
    "bytes_in", "bytes_out",  "total_ms", "upstream_ms", "route",   "pool",           "node",
    "attempts", "request_id", "reason",   "user_agent",  "referer", "client_subject", "queued_ms"};
static_assert(std::size(kNames) == static_cast<std::size_t>(LogField::queued_ms) + 1);

std::string unknown(std::string_view name) {
  return fmt::format("{} is no field{}; allowed: {}", in_quotes(name), suggestion(name, kNames),
                     joined(kNames));
}

bool is_unprintable(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
}

// The text up to the next field, braces that stand twice taken as one. Ends before a brace that stands alone.
std::string take_text(std::string_view& rest) {
  std::string text;
  while (!rest.empty()) {
    const bool brace = rest.front() == '{' || rest.front() == '}';
    if (brace && (rest.size() < 2 || rest[1] != rest[0])) break;
    text += rest.front();
    rest.remove_prefix(brace ? 2 : 1);
  }
  return text;
}

base::Result<LogField, std::string> take_field(std::string_view& rest) {
  if (rest.front() == '}') return base::unexpected<std::string>("has a } without a {; write }} for a brace");
  const std::size_t end = rest.find_first_of("{}", 1);
  if (end == rest.npos || rest[end] == '{')
    return base::unexpected<std::string>("has a { without a }; write {{ for a brace");
  const std::string_view name = rest.substr(1, end - 1);
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  if (found == std::end(kNames)) return base::unexpected(unknown(name));
  rest.remove_prefix(end + 1);
  return static_cast<LogField>(found - std::begin(kNames));
}

}  // namespace

std::span<const std::string_view> log_field_names() {
  return kNames;
}

base::Result<LogTemplate, std::string> LogTemplate::parse(std::string_view text) {
  if (text.size() > kMostText)
    return base::unexpected(fmt::format("has {} bytes; allowed: {} at most", text.size(), kMostText));
  if (std::any_of(text.begin(), text.end(), is_unprintable))
    return base::unexpected<std::string>(
        "holds a control character; allowed: printable text on one line, and tabs");
  LogTemplate made{std::string(text), {}, {}};
  for (std::string_view rest = text;;) {
    std::string before = take_text(rest);
    if (rest.empty()) {
      made.after = std::move(before);
      break;
    }
    const auto field = take_field(rest);
    if (!field) return base::unexpected(field.error());
    made.pieces.push_back({std::move(before), *field});
  }
  if (made.pieces.empty()) return base::unexpected("names no field; allowed: " + joined(kNames));
  return made;
}

}  // namespace weir::config
