// The commands that ask a running Weir: `weir nodes`, `weir top` and `weir diff` look, `weir reload` has it
// do something.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/io/address.h"

namespace weir::console {

// Exit codes. refused: wrong usage, no such pool, an error answer.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;
inline constexpr int kNotReachable = 2;

struct NodesOptions {
  std::string pool;  // "": all
  enum class Repeat : std::uint8_t { once, each_second } repeat = Repeat::once;
  enum class Format : std::uint8_t { table, json } format = Format::table;
};

int show_nodes(const io::Address& admin, const NodesOptions& options);
int show_top(const io::Address& admin);
// Has it read its configuration file, and says what came of that.
int reload(const io::Address& admin);
// What the configuration in FILE would change of what runs there, and what that touches.
int show_diff(const io::Address& admin, const std::string& file);
// What it would change of the one in `before`.
int show_diff(const std::string& before, const std::string& file);

}  // namespace weir::console
