// A pool's `nodes` as they are written in a file, and how: what the patches of its nodes are made from. Looks
// at a layout and a tree (read_written) that outlive it.
#pragma once

#include <string>

#include "proxy/config/config.h"
#include "proxy/config/layout.h"

namespace weir::config {

// How the nodes of a list are spelled.
struct NodeStyle {
  char quote = 0;      // around addresses; 0: none
  char key_quote = 0;  // around keys, and words that are values
  bool padded = true;  // { address: ... } rather than {address: ...}
  Value::Style maps = Value::Style::flow;
};

// `key` is "nodes", `list` its value.
struct WrittenNodes {
  WrittenNodes(Layout& its_layout, const Key& its_key, const Value& its_list);
  const Value& item(std::size_t index) const { return *list.items[index]; }

  Layout& layout;
  const Key& key;
  const Value& list;
  NodeStyle style;
};

// A member of a node's map beside the address.
struct Member {
  std::string_view key;
  std::string value;
  bool word;  // in quotes, where keys are
};

// Those in which `to` is other than `from`.
std::vector<Member> differing(const Node& from, const Node& to);
// "weight: 3"
std::string written(const Member& member, const NodeStyle& style);
// ", weight: 3, state: drain"
std::string written_behind(const std::vector<Member>& members, const NodeStyle& style);
// "{ address: ", and " }"
std::string map_begin(const NodeStyle& style);
std::string map_end(const NodeStyle& style);
// A scalar that reads as `text`, in the quotes or, where it may be, without.
std::string written_scalar(std::string_view text, char quote);
// The same for what is to read as `text` once the environment was taken.
std::string written_address(const io::Address& address, char quote);

}  // namespace weir::config
