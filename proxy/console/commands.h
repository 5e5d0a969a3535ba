// The commands that look at a running Weir: `weir nodes` and `weir top`. They print, they read a terminal,
// and they change nothing there.
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

}  // namespace weir::console
