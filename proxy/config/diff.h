// What another configuration would change: one value a change, at the path of keys that an operator knows
// from the file. Parts of lists are named by what makes them what they are: nodes and listeners by address,
// routes by name. A pure function, for any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/config/config.h"

namespace weir::config {

struct Change {
  enum class Kind : std::uint8_t { added, removed, changed } kind = Kind::changed;
  std::string path;  // "pools.app.nodes[10.0.0.1:8000].weight"
  std::string from;  // as JSON; empty if it is added
  std::string to;    // likewise; empty if it is removed
  friend bool operator==(const Change&, const Change&) = default;

  // "+ PATH: TO", "- PATH", "~ PATH: FROM -> TO"
  std::string text() const;
};

std::string_view word(Change::Kind kind);

// In the order of the file's sections.
std::vector<Change> diff(const Config& from, const Config& to);

}  // namespace weir::config
