#include "proxy/policy/deadlines.h"

#include <algorithm>
#include <chrono>

#include "proxy/base/ascii.h"
#include "proxy/config/scalar.h"

namespace weir::policy {
namespace {

constexpr std::size_t kMostMsDigits = 12;  // of milliseconds: more than thirty years

bool is_bare(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), base::is_digit);
}

}  // namespace

std::optional<base::Duration> caller_patience(std::string_view text) {
  if (!is_bare(text)) return config::parse_duration(text);
  if (text.size() > kMostMsDigits) return base::Duration::max();
  std::int64_t ms = 0;
  for (const char digit : text) ms = ms * 10 + (digit - '0');
  return std::chrono::milliseconds(ms);
}

std::string patience_text(base::Duration left, std::string_view said) {
  const auto ms = std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(left).count());
  return std::to_string(ms) + (is_bare(said) ? "" : "ms");
}

}  // namespace weir::policy
