#include "proxy/config/read_retry.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/config/scalar.h"

namespace weir::config {
namespace {

constexpr CountRange kAttempts{1, 10};
constexpr std::uint32_t kMostBudget = 100;
constexpr DurationRange kBackoff{1ms, 10s, DurationRange::Off::allowed};

void read_retried(const Field& field, std::vector<std::uint16_t>& out) {
  constexpr std::string_view kAllowed =
      "a list of statuses from 400 to 599, such as [502, 503, 504]; [] for none";
  if (!field.must_be(Value::Kind::list, kAllowed)) return;
  std::vector<std::uint16_t> statuses;
  for (std::size_t i = 0; i < field.value.items.size(); ++i) {
    const Field item = field.item(i);
    if (!item.must_be(Value::Kind::scalar, "a status from 400 to 599")) continue;
    const std::string& text = item.value.text;
    const bool number = text.size() == 3 && std::all_of(text.begin(), text.end(), base::is_digit);
    const int status = number ? std::stoi(text) : 0;
    if (status < 400 || status > 599) {
      item.refuse("a status from 400 to 599");
      continue;
    }
    if (std::find(statuses.begin(), statuses.end(), status) != statuses.end())
      item.fail(fmt::format("{} is given twice; once is enough", status));
    statuses.push_back(static_cast<std::uint16_t>(status));
  }
  out = std::move(statuses);
}

// Off is no pause at all, and not one that never ends.
void read_backoff(const Field& field, Duration& out) {
  read_duration(field, out, kBackoff);
  if (out == kOff) out = Duration::zero();
}

void read_keys(const Section& section, Retry& out) {
  section.read("attempts", read_count32, out.attempts, kAttempts);
  section.read("statuses", read_retried, out.statuses);
  section.read("budget", read_percent_or_off, out.budget, kMostBudget, kNoBudget);
  section.read("backoff", read_backoff, out.backoff);
}

}  // namespace

void read_retry(const Field& field, Retry& out) {
  read_keys(Section(field, keys::kRetry), out);
}

void read_retry_overrides(const Field& field, RetryOverrides& out) {
  Retry own;
  const Section section(field, keys::kRouteRetry);
  read_keys(section, own);
  if (section.has("attempts")) out.attempts = own.attempts;
  if (section.has("statuses")) out.statuses = std::move(own.statuses);
  if (section.has("budget")) out.budget = own.budget;
  if (section.has("backoff")) out.backoff = own.backoff;
}

}  // namespace weir::config
