// What the admin port's API says of pools, nodes and connections (docs/api.md), as plain values. Text from
// there is made fit for a terminal on its way in: printable ASCII alone, so that a byte is a column and
// nothing that a name or a reason holds can steer the terminal. Pure functions.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace weir::console {

// One of a node's words: what it is, for how long, and why.
struct StateWord {
  std::string state;
  std::optional<std::chrono::milliseconds> age;
  std::string reason;
};

// What happens at a node or a pool.
struct Traffic {
  double rate = 0;    // requests a second
  double errors = 0;  // of these
  std::uint64_t in_flight = 0;
  std::optional<double> p50_ms;
  std::optional<double> p99_ms;
};

// What a node or a pool may have at a time; none: as much as comes.
struct Bounds {
  std::optional<std::uint64_t> max_in_flight, max_connections;
  bool adaptive = false;  // max_in_flight is learned
};

struct NodeStatus {
  std::string pool;
  std::string address;
  bool eligible = false;
  StateWord by_operator;
  StateWord health;
  StateWord ejection;
  std::uint64_t weight = 0;
  Traffic traffic;
  std::string failed_check;  // what the latest check said, where it failed
  StateWord suspicion{};     // "suspect", or no word at all
  StateWord agent{};         // likewise, of what has no such word
  std::string tier{};        // its priority, or "backup"; "" of what has no such thing
  StateWord fullness{};      // "full", or no word at all
  Bounds bounds{};
  std::uint64_t connections = 0;

  // The word that says most of it: the first that keeps work away for longer than its limits do, else a
  // probation or a suspicion, else that it is full, else health.
  const StateWord& decisive() const;
  // Why it is so, for an operator; "" where all is well. A node that is down for one reason and fails for
  // another by now has both.
  std::string why() const;
};

struct PoolStatus {
  std::string name;
  std::string strategy;
  std::string health;  // what is checked; "": nothing
  std::uint64_t size = 0;
  std::uint64_t eligible = 0;
  Traffic traffic;
  std::vector<NodeStatus> nodes;
  std::uint64_t full = 0;
  Bounds bounds{};
  std::uint64_t connections = 0;
  std::uint64_t queued = 0;

  // It has a limit, or one of its nodes has: requests may be queued.
  bool is_bounded() const;
};

// Client connections, over all listeners, and how Weir itself bears them.
struct Connections {
  std::uint64_t open = 0, idle = 0, reading = 0, active = 0, tunnel = 0, closing = 0;
  std::uint64_t overload = 0;  // Weir's own level
};

// Of /api/pools, or of /api/pools/POOL. The errors are sentences.
base::Result<std::vector<PoolStatus>, std::string> read_pools(std::string_view json);
base::Result<Connections, std::string> read_connections(std::string_view json);
// What an error answer says; "" if it says nothing.
std::string read_error(std::string_view json);

// "2026-11-25T12:00:00.123Z", as milliseconds since 1970.
std::optional<std::chrono::milliseconds> time_point(const std::string& text);

// The same JSON, indented and in ASCII alone; "" if it is none.
std::string readable_json(std::string_view json);

// Printable ASCII, everything else as "?"; cut where it is longer than anything useful.
std::string printable(std::string_view text);

}  // namespace weir::console
