// The commands that ask a running Weir. Some only look (nodes, top, diff, why, history); the others change
// something there (reload, rollback, drain-self, upgrade, and the edits of a node). Each prints what there is
// to say, or one line on stderr about why not, and returns its exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/base/time.h"
#include "proxy/console/admin_address.h"

namespace weir::console {

// Exit codes. refused: wrong usage, no such pool, an error answer, a wait that was given up.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;
inline constexpr int kNotReachable = 2;

struct NodesOptions {
  std::string pool;  // "": all
  enum class Repeat : std::uint8_t { once, each_second } repeat = Repeat::once;
  enum class Format : std::uint8_t { table, json } format = Format::table;
};

int show_nodes(const AdminPlace& admin, const NodesOptions& options);
int show_top(const AdminPlace& admin);
// Has it read its configuration file, and says what came of that.
int reload(const AdminPlace& admin);
// Has it go back to the configuration before, likewise.
int rollback(const AdminPlace& admin);
// What the configuration in FILE would change of what runs there, and what that touches.
int show_diff(const AdminPlace& admin, const std::string& file);
// What it would change of the one in `before`.
int show_diff(const std::string& before, const std::string& file);

struct NodeEdit {
  enum class Kind : std::uint8_t { drain, undrain, weight, set, add, remove, down, up } kind = Kind::drain;
  std::string pool;
  std::string node;                         // its address
  std::optional<std::uint32_t> weight{};    // of weight, set and add
  std::optional<std::uint32_t> priority{};  // of set and add, like the next three
  std::optional<bool> backup{};
  std::string max_in_flight{}, max_connections{};  // as the configuration has them; "": not said
  std::string time;                                // --for; "": until another order comes
  enum class Lasting : std::uint8_t { written, temporary } lasting = Lasting::written;
  enum class Wait : std::uint8_t { none, until_idle } wait = Wait::none;  // for what is in flight
  std::optional<base::Duration> timeout;                                  // of the wait
};

int edit_node(const AdminPlace& admin, const NodeEdit& edit);
// A node's words, its last check, and what happened to it, the latest first.
int show_why(const AdminPlace& admin, const std::string& pool, const std::string& node);
// The configurations that were in force, the latest first.
int show_history(const AdminPlace& admin);
int drain_self(const AdminPlace& admin, const std::string& time);  // "": as long as is usual
int upgrade(const AdminPlace& admin);

}  // namespace weir::console
