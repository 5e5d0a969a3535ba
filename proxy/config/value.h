// A YAML document as a plain tree in which each value knows its place. Aliases share their anchor's value.
#pragma once

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
  Position at;
  std::string text;             // scalar
  std::vector<Key> keys;        // map: items[i] belongs to keys[i]; keys may repeat
  std::vector<ValuePtr> items;  // list, map
  std::size_t size = 1;         // values in the tree below, this one included, aliases expanded
};

}  // namespace weir::config
