#include "proxy/policy/retry_after.h"

#include <algorithm>
#include <chrono>

#include "proxy/base/ascii.h"

namespace weir::policy {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t kMostSecondsDigits = 9;  // more than thirty years
constexpr std::size_t kDateSize = std::string_view("Sun, 06 Nov 1994 08:49:37 GMT").size();

bool are_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), base::is_digit);
}

int number_of(std::string_view digits) {
  int value = 0;
  for (const char digit : digits) value = value * 10 + (digit - '0');
  return value;
}

std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  constexpr std::size_t kDay = 5, kMonth = 8, kYear = 12, kHour = 17, kMinute = 20, kSecond = 23;
  if (text.size() != kDateSize || !text.ends_with(" GMT") || text[kHour + 2] != ':') return std::nullopt;
  for (const std::size_t at : {kDay, kHour, kMinute, kSecond})
    if (!are_digits(text.substr(at, 2))) return std::nullopt;
  const std::size_t month = kMonths.find(text.substr(kMonth, 3));
  if (month == kMonths.npos || month % 3 != 0 || !are_digits(text.substr(kYear, 4))) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(number_of(text.substr(kYear, 4))),
      std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
      std::chrono::day(static_cast<unsigned>(number_of(text.substr(kDay, 2))))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(number_of(text.substr(kHour, 2))) +
         std::chrono::minutes(number_of(text.substr(kMinute, 2))) +
         seconds(number_of(text.substr(kSecond, 2)));
}

}  // namespace

std::optional<base::Duration> retry_after(std::string_view text, std::int64_t wall_ms) {
  if (are_digits(text))
    return text.size() > kMostSecondsDigits ? base::Duration::max()
                                            : base::Duration(seconds(number_of(text)));
  const auto date = parse_date(text);
  if (!date) return std::nullopt;
  const milliseconds left = date->time_since_epoch() - milliseconds(wall_ms);
  if (left > days(366)) return base::Duration::max();
  return std::max(left, milliseconds(0));
}

}  // namespace weir::policy
