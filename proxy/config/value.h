// A YAML document as a plain tree in which each value knows its place, in bytes of its line. Aliases share
// their anchor's value.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/diagnostic.h"

namespace weir::config {

struct Value;
using ValuePtr = std::shared_ptr<const Value>;

struct Key {
  std::string text;
  Position at;
};

struct Value {
  // bad: already complained about.
  enum class Kind : std::uint8_t { null, scalar, list, map, bad } kind = Kind::null;
  enum class Style : std::uint8_t { block, flow } style = Style::block;  // list, map
  // How many places of the file it is the value of: as far as read_written() says. shared: an alias stands
  // for it elsewhere; alias: it is what an alias stands for here.
  enum class Use : std::uint8_t { once, shared, alias } use = Use::once;
  Position at;
  std::string text;                                                              // scalar
  enum class Source : std::uint8_t { file, environment } source = Source::file;  // of some of the text
  std::vector<Key> keys;        // map: items[i] belongs to keys[i]; keys may repeat
  std::vector<ValuePtr> items;  // list, map
  std::size_t size = 1;         // values in the tree below, this one included, aliases expanded
};

}  // namespace weir::config
