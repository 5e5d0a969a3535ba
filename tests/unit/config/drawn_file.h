// A configuration that a seed draws: pools and nodes in every layout that an edit takes, with comments, blank
// lines and other keys between them. It says on which lines each node stands, for who compares texts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weir::config {

struct DrawnNode {
  std::string address;
  int first = 0, last = 0;  // lines, from 0
  int comma = 0;            // the line of the comma behind it, or of the last
  bool own_lines = false;   // nothing else stands on them
  bool has_weight = false, has_state = false;
};

struct DrawnPool {
  std::string name;
  int line = 0;  // of the key nodes
  std::vector<DrawnNode> nodes;
};

struct DrawnFile {
  std::string text;
  std::vector<DrawnPool> pools;
};

DrawnFile draw_file(std::uint64_t seed);

}  // namespace weir::config
