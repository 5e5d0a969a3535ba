#include "proxy/config/section.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"

namespace weir::config {

namespace {

constexpr std::size_t kMostQuoted = 80;
constexpr std::size_t kLeastAbbreviated = 3;

std::string described(const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return "an empty value";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
    case Value::Kind::scalar:
    case Value::Kind::bad:
      break;
  }
  return in_quotes(value.text);
}

// Insertions, deletions and replacements, and swaps of neighbours as one, that turn a into b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({row[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

void Field::refuse(std::string_view allowed) const {
  if (is(Value::Kind::bad)) return;
  fail(fmt::format("{} is not allowed; allowed: {}", described(value), allowed));
}

Field Field::item(std::size_t index) const {
  return {*value.items[index], fmt::format("{}[{}]", path, index), report};
}

Field Field::member(std::size_t index) const {
  return {*value.items[index], path_of(value.keys[index].text), report};
}

std::string Field::path_of(std::string_view key) const {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

bool Field::must_be(Value::Kind kind, std::string_view allowed) const {
  if (!is(kind)) refuse(allowed);
  return is(kind);
}

Section::Section(const Field& field, const KeyTable& table) : field_(field), table_(table) {
  usable_ = field.must_be(Value::Kind::map, "a map with " + joined(table.keys));
  if (usable_) check_keys();
}

std::size_t Section::find(std::string_view key) const {
  if (!usable_) return kAbsent;
  const auto& keys = field_.value.keys;
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key& each) { return each.text == key; });
  return found == keys.end() ? kAbsent : static_cast<std::size_t>(found - keys.begin());
}

void Section::report_missing(std::string_view key) const {
  field_.report.error(field_.value.at, field_.path_of(key), "is missing; it is required");
}

void Section::check_keys() const {
  for (std::size_t i = 0; i < field_.value.keys.size(); ++i) check_key(i);
}

void Section::check_key(std::size_t index) const {
  const Key& key = field_.value.keys[index];
  const std::string path = field_.path_of(key.text);
  if (std::find(table_.keys.begin(), table_.keys.end(), key.text) != table_.keys.end()) {
    if (const std::size_t first = find(key.text); first != index)
      field_.report.error(key.at, path,
                          fmt::format("given twice, first on line {}; a key may stand once",
                                      field_.value.keys[first].at.line));
    return;
  }
  if (key.text == "<<") {
    field_.report.error(key.at, path, "merge keys are not supported; write the keys out");
    return;
  }
  const std::string near = suggestion(key.text, table_.keys);
  field_.report.error(key.at, path,
                      "unknown key" + (near.empty() ? "; allowed: " + joined(table_.keys) : near));
}

std::string in_quotes(std::string_view text) {
  std::string shown = "\"";
  for (char c : text.substr(0, kMostQuoted)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      shown += c;
    }
  }
  return shown + (text.size() > kMostQuoted ? "...\"" : "\"");
}

std::string suggestion(std::string_view text, std::span<const std::string_view> candidates) {
  if (text.size() > kMostQuoted) return {};
  const std::string lower = base::lowered(std::string(text));
  for (std::string_view candidate : candidates)
    if (lower.size() >= kLeastAbbreviated && candidate.starts_with(lower))
      return fmt::format("; did you mean {}?", candidate);
  std::size_t least = std::max<std::size_t>(1, std::min<std::size_t>(3, text.size() / 3)) + 1;
  std::string_view nearest;
  for (std::string_view candidate : candidates) {
    if (candidate.size() >= text.size() + least || text.size() >= candidate.size() + least) continue;
    if (const std::size_t distance = edit_distance(text, candidate); distance < least) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? std::string() : fmt::format("; did you mean {}?", nearest);
}

std::string joined(std::span<const std::string_view> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace weir::config
