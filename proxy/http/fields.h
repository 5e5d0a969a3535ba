// The header (or trailer) fields of one message: names and values in one flat arena, reused from message to
// message so that a steady connection allocates nothing. Names that Weir itself cares about carry an id, so
// that looking one up compares integers. Order and spelling are kept as received. Views given out stay valid
// until the next add, set, clear or move.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

// The names that Weir acts on, and those that most messages carry (knowing them makes reading them cheap). At
// most 64, so that a message's set of known names is one word.
enum class FieldId : std::uint8_t {
  other,
  accept,
  accept_encoding,
  accept_language,
  accept_ranges,
  age,
  authorization,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_type,
  cookie,
  date,
  etag,
  expect,
  expires,
  forwarded,
  host,
  http2_settings,
  idempotency_key,
  if_modified_since,
  if_none_match,
  keep_alive,
  last_modified,
  location,
  origin,
  pragma,
  priority,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  referer,
  retry_after,
  sec_ch_ua,
  sec_ch_ua_mobile,
  sec_ch_ua_platform,
  sec_fetch_dest,
  sec_fetch_mode,
  sec_fetch_site,
  sec_fetch_user,
  server,
  set_cookie,
  te,
  traceparent,
  tracestate,
  trailer,
  transfer_encoding,
  upgrade,
  upgrade_insecure_requests,
  user_agent,
  vary,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
  last = x_request_id,
};

FieldId field_id(std::string_view name);  // any case; other: not known
std::string_view field_name(FieldId id);  // the usual spelling; "" for other

// Known names, as bits; `other` is none of them.
struct FieldSet {
  std::uint64_t bits = 0;

  constexpr FieldSet(std::initializer_list<FieldId> ids) {
    for (FieldId id : ids) bits |= std::uint64_t{1} << static_cast<unsigned>(id);
    bits &= ~std::uint64_t{1};
  }
  constexpr bool has(FieldId id) const { return (bits >> static_cast<unsigned>(id) & 1) != 0; }
};

struct Field {
  FieldId id;
  std::string_view name;
  std::string_view value;
};

class Fields {
 public:
  void clear();
  void shrink(std::size_t most);  // clears what holds more memory than this
  void swap(Fields& other) noexcept;
  bool empty() const { return live_ == 0; }
  std::size_t size() const { return live_; }

  // Copies name and value.
  void add(std::string_view name, std::string_view value);
  void add(FieldId known, std::string_view value);

  // Of FieldId::other: whether there was a field without id.
  bool has(FieldId known) const { return (known_ & bit(known)) != 0; }
  bool repeated(FieldId known) const { return (repeated_ & bit(known)) != 0; }
  std::optional<std::string_view> get(FieldId known) const {  // the first of that name
    if (!has(known)) return std::nullopt;
    return first(known);
  }
  std::optional<std::string_view> get(std::string_view name) const;
  void remove(FieldId known) { remove(FieldSet{known}); }  // all of that name
  void remove(std::string_view name);
  void remove(FieldSet known) {
    if ((known_ & known.bits) != 0) drop(known);
  }
  // Removes the fields without FieldId of whose name f(name) is true.
  template <class F>
  void remove_unknown(F&& f);
  void set(FieldId known, std::string_view value);  // replaces all of that name by one
  void set(std::string_view name, std::string_view value);

  // Calls f(Field) for each, in order.
  template <class F>
  void for_each(F&& f) const {
    for (const Entry& entry : entries_)
      if (!entry.removed()) f(view(entry));
  }

  // Calls f(text) with pieces that make up "Name: value CRLF" for every field, in order. Neighbours that
  // stand so in the arena go as one piece.
  template <class F>
  void for_each_piece(F&& f) const;
  // No less than all these pieces together. A name and a value that stand apart may need a space between
  // them.
  std::size_t most_bytes() const { return arena_.size() + entries_.size(); }

  // For parsers: take a whole head text at once, then say where in it each field stands.
  void adopt(std::string_view text) { arena_.assign(text); }
  void add_slice(FieldId id, std::uint32_t name_at, std::uint16_t name_size, std::uint32_t value_at,
                 std::uint32_t value_size);
  std::string_view arena() const { return arena_; }

 private:
  struct Entry {
    std::uint32_t name_at;
    std::uint32_t value_at;
    std::uint32_t value_size;
    std::uint16_t name_size;
    FieldId id;
    enum class Form : std::uint8_t {
      removed,
      spread,  // name and value stand somewhere in the arena
      plain,   // the arena has it as "Name: value CRLF", to the letter
    } form;

    bool removed() const { return form == Form::removed; }
    std::uint32_t end() const { return value_at + value_size + 2; }
  };
  static std::uint64_t bit(FieldId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }
  Field view(const Entry& entry) const {
    return {entry.id,
            {arena_.data() + entry.name_at, entry.name_size},
            {arena_.data() + entry.value_at, entry.value_size}};
  }
  std::string_view first(FieldId known) const;
  void push(FieldId id, std::string_view name, std::string_view value);
  [[gnu::always_inline]] void append(const Entry& entry) {
    entries_.push_back(entry);
    repeated_ |= known_ & bit(entry.id);
    known_ |= bit(entry.id);
    ++live_;
  }
  void drop(FieldSet known);
  void drop(Entry& entry);

  std::string arena_;
  std::vector<Entry> entries_;
  std::uint64_t known_ = 0;
  std::uint64_t repeated_ = 0;
  std::size_t live_ = 0;
};

[[gnu::always_inline]] inline void Fields::add_slice(FieldId id, std::uint32_t name_at,
                                                     std::uint16_t name_size, std::uint32_t value_at,
                                                     std::uint32_t value_size) {
  // ": " before the value, and the line's end right behind it; values are trimmed, so nothing else can hide
  // there.
  const bool plain = value_at == name_at + name_size + 2 && arena_[value_at - 1] == ' ' &&
                     arena_[value_at + value_size] == '\r';
  append({name_at, value_at, value_size, name_size, id, plain ? Entry::Form::plain : Entry::Form::spread});
}

template <class F>
void Fields::remove_unknown(F&& f) {
  if (!has(FieldId::other)) return;
  for (Entry& entry : entries_)
    if (entry.id == FieldId::other && !entry.removed() && f(view(entry).name)) drop(entry);
}

template <class F>
void Fields::for_each_piece(F&& f) const {
  std::uint32_t begin = 0, end = 0;  // the run gathered so far
  auto flush = [&] {
    if (end > begin) f(std::string_view(arena_.data() + begin, end - begin));
    begin = end = 0;
  };
  for (const Entry& entry : entries_) {
    if (entry.removed()) continue;
    const bool plain = entry.form == Entry::Form::plain;
    if (plain && entry.name_at == end) {
      end = entry.end();
    } else if (plain) {
      flush();
      begin = entry.name_at;
      end = entry.end();
    } else {
      flush();
      const Field field = view(entry);
      f(field.name);
      f(std::string_view(": "));
      f(field.value);
      f(std::string_view("\r\n"));
    }
  }
  flush();
}

bool same_name(std::string_view a, std::string_view b);  // ASCII letters of any case are equal

}  // namespace weir::http
