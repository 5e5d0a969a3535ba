// What an operator may ask of a running Weir, and what comes of it: the words between the API and whoever
// carries them out. Values only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "balancer/node.h"
#include "proxy/base/time.h"
#include "proxy/config/diff.h"

namespace weir::admin {

// What is to become of one node of a pool. One that is not temporary is written into the configuration file,
// and ends what was temporary of the same; a temporary one is kept in memory, over reloads and upgrades,
// until its time is over or another order comes.
struct NodeOrder {
  enum class Kind : std::uint8_t { change, add, remove } kind = Kind::change;
  enum class Lasting : std::uint8_t { written, temporary } lasting = Lasting::written;

  std::string pool;
  std::string address;  // as the file names it, or as /api/pools does
  std::optional<balancer::Operator> state;
  std::optional<std::uint32_t> weight;                              // 1..1000
  std::optional<std::uint32_t> priority{};                          // 0..15; it is no backup then
  std::optional<bool> backup{};                                     // true: it has no priority then
  std::optional<std::uint64_t> max_in_flight{}, max_connections{};  // as config::Node has them
  std::optional<base::Duration> time;  // of a temporary one; none: until another order comes
  std::string author;                  // "weir drain from 127.0.0.1", for logs and histories
};

struct OrderReport {
  // done: it is in force. unchanged: so it was before. not_found: there is no such pool or node. invalid:
  // what it asks for is no configuration. refused: it cannot be done now, or not in this way.
  enum class Result : std::uint8_t { done, unchanged, not_found, invalid, refused } result = Result::done;
  std::string error;  // why not, with the way out; empty if it is done
  std::vector<config::Change> changes;
  std::string written;  // the file that holds it now; empty: none was written
};

inline constexpr std::array<std::string_view, 5> kOrderResults = {"done", "unchanged", "not_found", "invalid",
                                                                  "refused"};

// One of the configurations that were in force, or were to be.
struct HistoryEntry {
  // published: in force, and guarded. confirmed: the guard is over. replaced: another one came after it.
  // rolled_back: it was taken back.
  enum class State : std::uint8_t { published, confirmed, replaced, rolled_back } state = State::published;
  std::int64_t wall_ms = 0;  // when it came into force; since 1970
  std::string author;        // "start", "the file changed", "SIGHUP", "weir drain from 127.0.0.1"
  std::string hash;          // of the text
  std::string reason;        // why it was taken back; else empty
  std::vector<config::Change> changes;
};

inline constexpr std::array<std::string_view, 4> kHistoryStates = {"published", "confirmed", "replaced",
                                                                   "rolled_back"};

}  // namespace weir::admin
