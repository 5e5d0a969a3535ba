#include "proxy/http/fields.h"

#include <array>
#include <bit>
#include <cstring>

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

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// A perfect hash over the known names, found at compile time: size and four of its letters decide the slot.
constexpr std::size_t kSlots = 512;
constexpr std::size_t slot_of(std::string_view name, std::uint64_t factor) {
  auto letter = [name](std::size_t at) {
    return static_cast<std::uint64_t>(static_cast<unsigned char>(name[at] | 0x20));
  };
  const std::size_t size = name.size();
  const std::uint64_t key =
      size | letter(0) << 8 | letter(size / 2) << 16 | letter(size * 3 / 4) << 24 | letter(size - 1) << 32;
  return key * factor >> 55;
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

// A known name as words of eight bytes, and which bits may differ: the case bit of letters, nothing else. So
// a name compares in a few steps, and what compares equal is known to be well-formed.
struct Pattern {
  static constexpr std::size_t kWords = 4;
  std::uint64_t text[kWords] = {};
  std::uint64_t exact[kWords] = {};
};

constexpr std::array<Pattern, kNames.size()> kPatterns = [] {
  std::array<Pattern, kNames.size()> patterns{};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    for (std::size_t at = 0; at < kNames[i].size(); ++at) {
      const char c = lower(kNames[i][at]);
      const std::uint64_t exact = c >= 'a' && c <= 'z' ? 0xdf : 0xff;
      patterns[i].text[at / 8] |= static_cast<std::uint64_t>(static_cast<unsigned char>(c)) << at % 8 * 8;
      patterns[i].exact[at / 8] |= exact << at % 8 * 8;
    }
  return patterns;
}();

static_assert(std::endian::native == std::endian::little);

// Up to eight bytes of `text`, the missing ones zero.
std::uint64_t load(const char* text, std::size_t size) {
  std::uint64_t word = 0;
  if (size >= 8) {
    std::memcpy(&word, text, 8);
  } else if (size >= 4) {
    std::uint32_t low, high;
    std::memcpy(&low, text, 4);
    std::memcpy(&high, text + size - 4, 4);
    word = low | static_cast<std::uint64_t>(high) << (size - 4) * 8;
  } else {
    for (std::size_t i = 0; i < size; ++i)
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << i * 8;
  }
  return word;
}

bool matches(std::string_view name, const Pattern& pattern) {
  for (std::size_t at = 0; at < name.size(); at += 8)
    if ((load(name.data() + at, name.size() - at) ^ pattern.text[at / 8]) & pattern.exact[at / 8])
      return false;
  return true;
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
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
  known_ = 0;
  live_ = 0;
}

void Fields::add(std::string_view name, std::string_view value) {
  push(field_id(name), name, value);
}

void Fields::add(FieldId known, std::string_view value) {
  push(known, field_name(known), value);
}

std::optional<std::string_view> Fields::get(FieldId known) const {
  if (!has(known)) return std::nullopt;
  for (const Entry& entry : entries_)
    if (entry.id == known && !entry.removed) return view(entry).value;
  return std::nullopt;
}

std::optional<std::string_view> Fields::get(std::string_view name) const {
  if (FieldId id = field_id(name); id != FieldId::other) return get(id);
  for (const Entry& entry : entries_)
    if (!entry.removed && same_name(view(entry).name, name)) return view(entry).value;
  return std::nullopt;
}

std::size_t Fields::count(FieldId known) const {
  if (!has(known)) return 0;
  std::size_t n = 0;
  for (const Entry& entry : entries_) n += entry.id == known && !entry.removed;
  return n;
}

void Fields::remove(FieldId known) {
  if (!has(known)) return;
  for (Entry& entry : entries_) {
    if (entry.id != known || entry.removed) continue;
    entry.removed = true;
    --live_;
  }
  known_ &= ~bit(known);
}

void Fields::remove(std::string_view name) {
  if (FieldId id = field_id(name); id != FieldId::other) return remove(id);
  for (Entry& entry : entries_) {
    if (entry.removed || !same_name(view(entry).name, name)) continue;
    entry.removed = true;
    --live_;
  }
}

void Fields::set(FieldId known, std::string_view value) {
  remove(known);
  add(known, value);
}

void Fields::set(std::string_view name, std::string_view value) {
  remove(name);
  add(name, value);
}

void Fields::add_slice(FieldId id, std::uint32_t name_at, std::uint16_t name_size, std::uint32_t value_at,
                       std::uint32_t value_size) {
  // ": " before the value, and the line's end right behind it; values are trimmed, so nothing else can hide
  // there.
  const bool plain = value_at == name_at + name_size + 2 && arena_[value_at - 1] == ' ' &&
                     arena_[value_at + value_size] == '\r';
  entries_.push_back({name_at, value_at, value_size, name_size, id, false, plain});
  known_ |= bit(id) & ~bit(FieldId::other);
  ++live_;
}

// `value` may be a view into this arena (a value moved from one name to another), so its place is kept over
// growth.
void Fields::push(FieldId id, std::string_view name, std::string_view value) {
  const std::size_t at = arena_.size();
  const bool own = value.data() >= arena_.data() && value.data() < arena_.data() + at;
  const std::size_t own_at = own ? static_cast<std::size_t>(value.data() - arena_.data()) : 0;
  const std::size_t whole =
      at + name.size() + value.size() + 4;  // libstdc++ 12.2 passes the new capacity instead
  arena_.resize_and_overwrite(whole, [&](char* text, std::size_t) {
    char* to = text + at;
    std::memcpy(to, name.data(), name.size());
    to += name.size();
    *to++ = ':';
    *to++ = ' ';
    if (!value.empty()) std::memcpy(to, own ? text + own_at : value.data(), value.size());
    to += value.size();
    *to++ = '\r';
    *to++ = '\n';
    return whole;
  });
  const std::size_t value_at = at + name.size() + 2;
  entries_.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(value_at),
                      static_cast<std::uint32_t>(value.size()), static_cast<std::uint16_t>(name.size()), id,
                      false, true});
  known_ |= bit(id) & ~bit(FieldId::other);
  ++live_;
}

}  // namespace weir::http
