// Nodes as a table, and pools as lines of words: what `weir nodes` and `weir top` share. Pure.
#pragma once

#include <string>
#include <vector>

#include "proxy/console/status.h"
#include "proxy/console/table.h"

namespace weir::console {

enum class Columns : std::uint8_t {
  all,      // pool, node, state, load, rates, latencies, since when and why
  reasons,  // pool, node, state, since when, and the whole of why
};
Table node_table(const std::vector<const NodeStatus*>& nodes, Columns columns = Columns::all);

// The lowest need looking at first.
int severity(const NodeStatus& node);

// A node's words as one: up, down, unknown; ejected; drain, and "set down" where the operator says so.
std::string state_text(const NodeStatus& node);
// "app: 2 of 3 nodes eligible, 120.5 req/s, ..."
std::string summary(const PoolStatus& pool);

std::string rate_text(double a_second);                              // 0.0, 12.3, 1234, 12.3k
std::string latency_text(std::optional<double> ms);                  // 1.21ms, 123ms, 1.2s; "-" for none
std::string age_text(std::optional<std::chrono::milliseconds> age);  // 12s, 5m, 3h, 2d

}  // namespace weir::console
