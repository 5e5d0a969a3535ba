#include "proxy/http/fields.h"

#include <array>
#include <cstring>

namespace weir::http {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(FieldId::last) + 1> kNames = {
    "",
    "Accept",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "Expect",
    "Forwarded",
    "Host",
    "HTTP2-Settings",
    "Keep-Alive",
    "Location",
    "Origin",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Range",
    "Referer",
    "Retry-After",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Request-Id",
};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

// A perfect hash over the known names, found at compile time: size, first and last letter decide the slot.
constexpr std::size_t kSlots = 256;
constexpr std::size_t slot_of(std::string_view name, std::size_t factor) {
  std::size_t middle = static_cast<unsigned char>(lower(name[name.size() / 2]));
  return (name.size() * factor + static_cast<unsigned char>(lower(name.front())) * 7 +
          static_cast<unsigned char>(lower(name.back())) * 31 + middle * 3) %
         kSlots;
}

constexpr bool collides(std::size_t factor) {
  std::array<bool, kSlots> used{};
  for (std::size_t i = 1; i < kNames.size(); ++i) {
    bool& slot = used[slot_of(kNames[i], factor)];
    if (slot) return true;
    slot = true;
  }
  return false;
}

constexpr std::size_t find_factor() {
  std::size_t factor = 1;
  while (collides(factor)) ++factor;
  return factor;
}

constexpr std::size_t kFactor = find_factor();

constexpr std::array<FieldId, kSlots> kTable = [] {
  std::array<FieldId, kSlots> table{};
  for (std::size_t i = 1; i < kNames.size(); ++i)
    table[slot_of(kNames[i], kFactor)] = static_cast<FieldId>(i);
  return table;
}();

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

FieldId field_id(std::string_view name) {
  if (name.empty()) return FieldId::other;
  FieldId id = kTable[slot_of(name, kFactor)];
  return id != FieldId::other && same_name(name, field_name(id)) ? id : FieldId::other;
}

std::string_view field_name(FieldId id) { return kNames[static_cast<std::size_t>(id)]; }

void Fields::clear() {
  arena_.clear();
  entries_.clear();
  known_ = 0;
  live_ = 0;
}

void Fields::add(std::string_view name, std::string_view value) { push(field_id(name), name, value); }

void Fields::add(FieldId known, std::string_view value) { push(known, field_name(known), value); }

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
  entries_.push_back({name_at, value_at, value_size, name_size, id, false});
  if (id != FieldId::other) known_ |= bit(id);
  ++live_;
}

// `value` may be a view into this arena (moving a value from one name to another), so it is read before growth.
void Fields::push(FieldId id, std::string_view name, std::string_view value) {
  std::size_t at = arena_.size();
  bool own = value.data() >= arena_.data() && value.data() < arena_.data() + arena_.size();
  std::size_t value_from = own ? static_cast<std::size_t>(value.data() - arena_.data()) : 0;
  arena_.resize(at + name.size() + value.size());
  std::memcpy(arena_.data() + at, name.data(), name.size());
  const char* from = own ? arena_.data() + value_from : value.data();
  if (!value.empty()) std::memcpy(arena_.data() + at + name.size(), from, value.size());
  add_slice(id, static_cast<std::uint32_t>(at), static_cast<std::uint16_t>(name.size()),
            static_cast<std::uint32_t>(at + name.size()), static_cast<std::uint32_t>(value.size()));
}

}  // namespace weir::http
