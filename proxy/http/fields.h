// The header (or trailer) fields of one message: names and values in one flat arena, reused from message to
// message so that a steady connection allocates nothing. Names that Weir itself cares about carry an id, so
// that looking one up compares integers. Order and spelling are kept as received. Views given out stay valid
// until the next add, set, clear or move.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::http {

// At most 64, so that a message's set of known names is one word.
enum class FieldId : std::uint8_t {
  other,
  accept,
  authorization,
  cache_control,
  connection,
  content_encoding,
  content_length,
  content_type,
  cookie,
  date,
  expect,
  forwarded,
  host,
  http2_settings,
  keep_alive,
  location,
  origin,
  proxy_authenticate,
  proxy_authorization,
  proxy_connection,
  range,
  referer,
  retry_after,
  server,
  set_cookie,
  te,
  trailer,
  transfer_encoding,
  upgrade,
  user_agent,
  via,
  x_forwarded_for,
  x_forwarded_host,
  x_forwarded_proto,
  x_request_id,
  last = x_request_id,
};

FieldId field_id(std::string_view name);         // any case; other: not known
std::string_view field_name(FieldId id);         // the usual spelling; "" for other

struct Field {
  FieldId id;
  std::string_view name;
  std::string_view value;
};

class Fields {
 public:
  void clear();
  bool empty() const { return live_ == 0; }
  std::size_t size() const { return live_; }

  // Copies name and value.
  void add(std::string_view name, std::string_view value);
  void add(FieldId known, std::string_view value);

  bool has(FieldId known) const { return (known_ & bit(known)) != 0; }
  std::optional<std::string_view> get(FieldId known) const;       // the first of that name
  std::optional<std::string_view> get(std::string_view name) const;
  std::size_t count(FieldId known) const;
  void remove(FieldId known);                     // all of that name
  void remove(std::string_view name);
  void set(FieldId known, std::string_view value);  // replaces all of that name by one
  void set(std::string_view name, std::string_view value);

  // Calls f(Field) for each, in order.
  template <class F>
  void for_each(F&& f) const {
    for (const Entry& entry : entries_)
      if (!entry.removed) f(view(entry));
  }

  // For parsers: take a whole head text at once, then say where in it each field stands.
  void adopt(std::string_view text) { arena_.assign(text); }
  void add_slice(FieldId id, std::uint32_t name_at, std::uint16_t name_size, std::uint32_t value_at, std::uint32_t value_size);
  std::string_view arena() const { return arena_; }

 private:
  struct Entry {
    std::uint32_t name_at;
    std::uint32_t value_at;
    std::uint32_t value_size;
    std::uint16_t name_size;
    FieldId id;
    bool removed;
  };
  static std::uint64_t bit(FieldId id) { return std::uint64_t{1} << static_cast<unsigned>(id); }
  Field view(const Entry& entry) const {
    return {entry.id, {arena_.data() + entry.name_at, entry.name_size}, {arena_.data() + entry.value_at, entry.value_size}};
  }
  void push(FieldId id, std::string_view name, std::string_view value);

  std::string arena_;
  std::vector<Entry> entries_;
  std::uint64_t known_ = 0;
  std::size_t live_ = 0;
};

bool same_name(std::string_view a, std::string_view b);  // ASCII letters of any case are equal

}  // namespace weir::http
