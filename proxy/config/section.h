// A value on its way into the configuration: Field is a value with its path, Section a map of known keys.
// What is wrong goes to the report, and reading goes on, so that one run names every mistake.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "proxy/config/keys.h"
#include "proxy/config/value.h"

namespace weir::config {

struct Field {
  const Value& value;
  std::string path;
  Report& report;

  void fail(std::string what) const { report.error(value.at, path, std::move(what)); }
  // The value is of the wrong kind, or says what it may not: "VALUE is not allowed; allowed: ..."
  void refuse(std::string_view allowed) const;
  // A list's item.
  Field item(std::size_t index) const;
  // A map's value.
  Field member(std::size_t index) const;
  // The path of a map's key.
  std::string path_of(std::string_view key) const;
  bool is(Value::Kind kind) const { return value.kind == kind; }
  // False, and reported, if the value is of another kind.
  bool must_be(Value::Kind kind, std::string_view allowed) const;
};

class Section {
 public:
  // Reports unknown keys, keys given twice, and a value that is no map.
  Section(const Field& field, const KeyTable& table);

  bool has(std::string_view key) const { return find(key) != kAbsent; }
  // Calls reader(field, arguments...) if the key is there.
  template <class Reader, class... Arguments>
  void read(std::string_view key, Reader&& reader, Arguments&&... arguments) const {
    if (const std::size_t at = find(key); at != kAbsent) reader(field_.member(at), arguments...);
  }
  // Likewise; an absent key is reported.
  template <class Reader, class... Arguments>
  void require(std::string_view key, Reader&& reader, Arguments&&... arguments) const {
    read(key, reader, arguments...);
    if (usable_ && !has(key)) report_missing(key);
  }

 private:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
  std::size_t find(std::string_view key) const;
  void report_missing(std::string_view key) const;
  void check_keys() const;
  void check_key(std::size_t index) const;

  const Field& field_;
  const KeyTable& table_;
  bool usable_;
};

// For messages: the text in quotes, cut where it is long, control characters shown as \xNN.
std::string in_quotes(std::string_view text);
// "; did you mean NAME?" if a candidate is close to the text, else "".
std::string suggestion(std::string_view text, std::span<const std::string_view> candidates);
std::string joined(std::span<const std::string_view> words);

}  // namespace weir::config
