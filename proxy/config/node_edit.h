// An edit of one node that is written into the operator's own YAML: the text is changed where the node
// stands, and nowhere else, so comments, order, layout, quotes and line endings stay as they are. Pure: no
// file is read or written, though ${NAME} is taken from the environment. Whatever the layout, what comes back
// reads as the configuration before with exactly this edit, since it was read again; a text of which that
// cannot be had is refused, with the way out.
//
// A node that is a plain address becomes { address: ADDRESS, weight: N }; one that is a map gets its value
// changed, or the key added behind the others. A value that is said already is not written again: weight 1
// and active are not added where they are understood. A node that is added comes last, written as its
// neighbours are. One that is removed takes its lines with it, and the comment behind it; comments on lines
// of their own above and below stay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/config/config.h"

namespace weir::config {

struct NodeEdit {
  enum class Kind : std::uint8_t { change, add, remove } kind = Kind::change;
  std::string pool;
  io::Address address;  // as the configuration names the node
  // What a change or a new node says; none: as it is, or the default.
  std::optional<balancer::Operator> state;
  std::optional<std::uint32_t> weight;      // 1..1000
  std::optional<std::uint32_t> priority{};  // 0..15; it is no backup then
  std::optional<bool> backup{};             // true: it has no priority then
  std::optional<std::uint64_t> max_in_flight{}, max_connections{};
};

struct EditedText {
  std::string text;  // as it was, if the edit changes nothing
  Config config;     // what the text reads as
};

struct EditRefusal {
  // not_found: no such pool or node. conflict: the node is there already, or the text cannot be edited so.
  // invalid: the edit asks for what no node may be, or the text is no valid configuration.
  enum class Kind : std::uint8_t { not_found, conflict, invalid } kind = Kind::invalid;
  std::string reason;  // one sentence, with the way out
};

// `file` is what reasons call the text.
base::Result<EditedText, EditRefusal> edit_node(std::string_view text, const std::string& file,
                                                const NodeEdit& edit);

}  // namespace weir::config
