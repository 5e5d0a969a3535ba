#include "proxy/http/fields.h"

#include <array>
#include <cstring>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/put.h"

namespace weir::http {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(FieldId::last) + 1> kNames = {
    "",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Ranges",
    "Age",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "ETag",
    "Expect",
    "Expires",
    "Forwarded",
    "Host",
    "HTTP2-Settings",
    "Idempotency-Key",
    "If-Modified-Since",
    "If-None-Match",
    "Keep-Alive",
    "Last-Modified",
    "Location",
    "Origin",
    "Pragma",
    "Priority",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Referer",
    "Retry-After",
    "Sec-CH-UA",
    "Sec-CH-UA-Mobile",
    "Sec-CH-UA-Platform",
    "Sec-Fetch-Dest",
    "Sec-Fetch-Mode",
    "Sec-Fetch-Site",
    "Sec-Fetch-User",
    "Server",
    "Set-Cookie",
    "TE",
    "traceparent",
    "tracestate",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Upgrade-Insecure-Requests",
    "User-Agent",
    "Vary",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Request-Id",
};

// Four bytes from `text` on, and as many as there are in a shorter one.
constexpr std::uint64_t four_of(std::string_view text) {
  auto byte = [text](std::size_t at) {
    return std::uint64_t{static_cast<unsigned char>(text[at])} << at * 8;
  };
  if (text.size() >= 4) return byte(0) | byte(1) | byte(2) | byte(3);
  std::uint64_t word = 0;
  for (std::size_t at = 0; at < text.size(); ++at) word |= byte(at);
  return word;
}

// A perfect hash over the known names, found at compile time: size, the first four letters and the last four
// decide the slot.
constexpr std::size_t kSlots = 512;
constexpr std::size_t slot_of(std::string_view name, std::uint64_t factor) {
  const std::uint64_t first = four_of(name);
  const std::uint64_t last = name.size() >= 4 ? four_of(name.substr(name.size() - 4)) : 0;
  return ((first | last << 32 | 0x2020202020202020) ^ name.size()) * factor >> 55;
}

constexpr bool collides(std::uint64_t factor) {
  std::array<bool, kSlots> used{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    bool& slot = used[slot_of(kNames[i], factor)];
    if (slot) return true;
    slot = true;
  }
  return false;
}

constexpr std::uint64_t find_factor() {
  std::uint64_t factor = 0x9e3779b97f4a7c15;
  while (collides(factor)) factor = factor * 6364136223846793005 + 1442695040888963407;
  return factor;
}

constexpr std::uint64_t kFactor = find_factor();

constexpr std::array<FieldId, kSlots> kTable = [] {
  std::array<FieldId, kSlots> table{};
  for (std::size_t i = 1; i < kNames.size(); ++i)
    table[slot_of(kNames[i], kFactor)] = static_cast<FieldId>(i);
  return table;
}();

// A known name, and which bits of it may not differ: all but the case bit of letters. So a name compares in a
// few steps, and what compares equal is known to be well-formed.
struct Pattern {
  static constexpr std::size_t kSize = 32;
  std::array<unsigned char, kSize> text{};
  std::array<unsigned char, kSize> exact{};
};

constexpr std::array<Pattern, kNames.size()> kPatterns = [] {
  std::array<Pattern, kNames.size()> patterns{};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    for (std::size_t at = 0; at < kNames[i].size(); ++at) {
      const char c = base::lower(kNames[i][at]);
      patterns[i].text[at] = static_cast<unsigned char>(c);
      patterns[i].exact[at] = c >= 'a' && c <= 'z' ? 0xdf : 0xff;
    }
  return patterns;
}();

template <class Word>
bool same_word(std::string_view name, const Pattern& pattern, std::size_t at) {
  Word mine, known, exact;
  std::memcpy(&mine, name.data() + at, sizeof(Word));
  std::memcpy(&known, pattern.text.data() + at, sizeof(Word));
  std::memcpy(&exact, pattern.exact.data() + at, sizeof(Word));
  return ((mine ^ known) & exact) == 0;
}

// Word by word; the last word ends with the name, and may overlap the one before.
template <class Word>
bool same_words(std::string_view name, const Pattern& pattern) {
  const std::size_t last = name.size() - sizeof(Word);
  for (std::size_t at = 0; at < last; at += sizeof(Word))
    if (!same_word<Word>(name, pattern, at)) return false;
  return same_word<Word>(name, pattern, last);
}

bool matches(std::string_view name, const Pattern& pattern) {
  if (name.size() >= 8) return same_words<std::uint64_t>(name, pattern);
  if (name.size() >= 4) return same_words<std::uint32_t>(name, pattern);
  return same_words<unsigned char>(name, pattern);
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (base::lower(a[i]) != base::lower(b[i])) return false;
  return true;
}

FieldId field_id(std::string_view name) {
  if (name.empty()) return FieldId::other;
  const FieldId id = kTable[slot_of(name, kFactor)];
  if (id == FieldId::other || field_name(id).size() != name.size()) return FieldId::other;
  return matches(name, kPatterns[static_cast<std::size_t>(id)]) ? id : FieldId::other;
}

std::string_view field_name(FieldId id) {
  return kNames[static_cast<std::size_t>(id)];
}

void Fields::clear() {
  arena_.clear();
  entries_.clear();
  known_ = repeated_ = 0;
  live_ = 0;
}

void Fields::shrink(std::size_t most) {
  if (arena_.capacity() > most) Fields().swap(*this);  // assigning an empty one keeps the arena
}

void Fields::swap(Fields& other) noexcept {
  arena_.swap(other.arena_);
  entries_.swap(other.entries_);
  std::swap(known_, other.known_);
  std::swap(repeated_, other.repeated_);
  std::swap(live_, other.live_);
}

void Fields::add(std::string_view name, std::string_view value) {
  push(field_id(name), name, value);
}

void Fields::add(FieldId known, std::string_view value) {
  push(known, field_name(known), value);
}

std::string_view Fields::first(FieldId known) const {
  for (const Entry& entry : entries_)
    if (entry.id == known && !entry.removed()) return view(entry).value;
  return {};
}

std::optional<std::string_view> Fields::get(std::string_view name) const {
  if (FieldId id = field_id(name); id != FieldId::other) return get(id);
  for (const Entry& entry : entries_)
    if (!entry.removed() && same_name(view(entry).name, name)) return view(entry).value;
  return std::nullopt;
}

void Fields::drop(FieldSet known) {
  for (Entry& entry : entries_)
    if (known.has(entry.id)) drop(entry);
  known_ &= ~known.bits;
  repeated_ &= ~known.bits;
}

void Fields::remove(std::string_view name) {
  if (FieldId id = field_id(name); id != FieldId::other) return remove(id);
  for (Entry& entry : entries_)
    if (entry.id == FieldId::other && same_name(view(entry).name, name)) drop(entry);
}

void Fields::drop(Entry& entry) {
  live_ -= entry.removed() ? 0 : 1;
  entry.form = Entry::Form::removed;
}

void Fields::set(FieldId known, std::string_view value) {
  remove(known);
  add(known, value);
}

void Fields::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

// `value` may be a view into this arena (a value moved from one name to another), so its place is kept over
// growth.
void Fields::push(FieldId id, std::string_view name, std::string_view value) {
  const std::size_t at = arena_.size();
  const bool own = value.data() >= arena_.data() && value.data() < arena_.data() + at;
  const std::size_t own_at = own ? static_cast<std::size_t>(value.data() - arena_.data()) : 0;
  const std::size_t whole = at + name.size() + value.size() + 4;
  arena_.resize_and_overwrite(whole, [&](char* text, std::size_t) {
    char* to = base::put(text + at, name);
    to = base::put(to, ": ");
    to = base::put(to, own ? std::string_view(text + own_at, value.size()) : value);
    base::put(to, "\r\n");
    return whole;  // libstdc++ 12.2 passes the new capacity instead
  });
  append({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + name.size() + 2),
          static_cast<std::uint32_t>(value.size()), static_cast<std::uint16_t>(name.size()), id,
          Entry::Form::plain});
}

}  // namespace weir::http
