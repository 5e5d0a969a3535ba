// Nodes as a table, and pools as lines of words: what `weir nodes` and `weir top` share. Pure.
#pragma once

#include <string>
#include <vector>

#include "proxy/console/status.h"
#include "proxy/console/table.h"

namespace weir::console {

// Which columns have the room, where there is not enough for all of them.
enum class Columns : std::uint8_t {
  all,      // why before figures
  figures,  // load, rates and latencies before the whole of why
  reasons,  // the whole of why, and no figures
};
// Nodes of several pools keep their pools' names. `kept`: the title of a column that stays in any case.
Table node_table(const std::vector<const NodeStatus*>& nodes, Columns columns = Columns::all,
                 std::string_view kept = "");

// The lowest need looking at first.
int severity(const NodeStatus& node);

// A node's words as one: up, down, unknown; ejected; drain, and "set down" where the operator says so.
std::string state_text(const NodeStatus& node);
// "app: 2 of 3 nodes eligible, 120.5 req/s, ..."
std::string summary(const PoolStatus& pool);
// "4 in flight"; of a pool with limits "9 of 10 in flight, 3 of 8 connections, 5 queued".
std::string load_text(const PoolStatus& pool);

std::string rate_text(double a_second);                              // 0.0, 12.3, 1234, 12.3k
std::string latency_text(std::optional<double> ms);                  // 1.21ms, 123ms, 1.2s; "-" for none
std::string age_text(std::optional<std::chrono::milliseconds> age);  // 12s, 5m, 3h, 2d

}  // namespace weir::console
