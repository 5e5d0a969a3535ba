// Answers of the admin port, as tests want them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "proxy/console/status.h"
#include "tests/unit/catch.h"

namespace weir::console {

// The four words of a node, its load, and what else its JSON says.
struct NodeText {
  std::string address;
  std::string health = "up";
  std::string reason = "";
  double rate = 0;
  double errors = 0;
  std::string p99_ms = "null";
  unsigned in_flight = 0;
  std::string by_operator = "active";
  std::string ejection = "none";
  bool eligible = true;
  std::string failed_check = "";  // what the latest check said, if it failed
  std::string agent = "up";
  std::string more = "";  // further members, before which a comma stands
};

inline std::string word_json(const std::string& state, const std::string& reason) {
  return fmt::format(R"({{"state":"{}","since":"2026-11-25T11:59:58.100Z","reason":"{}"}})", state, reason);
}

inline std::string node_json(const NodeText& node) {
  return fmt::format(
      R"({{"address":"{}","eligible":{},"operator":{},"health":{},"ejection":{},"agent":{},"weight":1,"in_flight":{},)"
      R"("rate":{},"errors":{},"p50_ms":{},"p99_ms":{},"last_check":{{"passed":{},"outcome":"{}"}}{}}})",
      node.address, node.eligible, word_json(node.by_operator, node.reason),
      word_json(node.health, node.reason), word_json(node.ejection, node.reason),
      word_json(node.agent, node.reason), node.in_flight, node.rate, node.errors, node.p99_ms, node.p99_ms,
      node.failed_check.empty(), node.failed_check, node.more);
}

// `more`: further members, before which a comma stands.
inline std::string pool_json(const std::string& name, const std::vector<NodeText>& nodes,
                             const std::string& more = "") {
  std::string list;
  double rate = 0;
  std::size_t eligible = 0;
  for (const NodeText& node : nodes) {
    list += (list.empty() ? "" : ",") + node_json(node);
    rate += node.rate;
    eligible += node.eligible ? 1 : 0;
  }
  return fmt::format(
      R"({{"name":"{}","strategy":"round-robin","health":"GET /healthz every 2s","size":{},"eligible":{},)"
      R"("in_flight":4,"rate":{},"errors":0.0,"p50_ms":1.21,"p99_ms":4.5,"nodes":[{}]{}}})",
      name, nodes.size(), eligible, rate, list, more);
}

inline std::string pools_json(const std::vector<std::string>& pools) {
  return fmt::format(R"({{"time":"2026-11-25T12:00:00.123Z","pools":[{}]}})", fmt::join(pools, ","));
}

inline std::vector<PoolStatus> statuses(const std::vector<std::string>& pools) {
  auto made = read_pools(pools_json(pools));
  REQUIRE(made);
  return *made;
}

}  // namespace weir::console
