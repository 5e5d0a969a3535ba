#include "proxy/config/validate_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>

#include "proxy/config/scalar.h"
#include "proxy/config/validate_raw.h"

namespace weir::config {

namespace {

// Requests that one connection takes at a time: one, where it is known beforehand.
bool takes_one_a_connection(const Pool& pool) {
  return pool.protocol == Protocol::h1 || (pool.protocol == Protocol::any && !pool.tls);
}

std::uint64_t most_in_flight(const Pool& pool, const Node& node) {
  return takes_one_a_connection(pool) ? std::min(node.max_in_flight, node.max_connections)
                                      : node.max_in_flight;
}

std::uint64_t most_connections(const Pool&, const Node& node) {
  return node.max_connections;
}

// `most`: the pool's limit of that name; `most_of`: what one of its nodes takes.
void warn_of_limit(const Pool& pool, std::string_view key, std::uint64_t most,
                   std::uint64_t (*most_of)(const Pool&, const Node&), const Position& at, Report& report) {
  const std::string path = fmt::format("pools.{}.{}", pool.name, key);
  if (most < pool.nodes.size())
    report.warning(at, path,
                   fmt::format("is {}, less than the pool has nodes ({}): some are idle at any time", most,
                               pool.nodes.size()));
  if (pool.nodes.empty() || most >= kAdaptive) return;
  std::uint64_t sum = 0;
  for (const Node& node : pool.nodes) {
    const std::uint64_t takes = most_of(pool, node);
    if (takes >= kAdaptive) return;
    sum += takes;
  }
  const bool names = std::any_of(pool.nodes.begin(), pool.nodes.end(), [](const Node& node) {
    return node.address.kind == io::Address::Kind::name;
  });
  if (!names && most > sum)
    report.warning(at, path, fmt::format("({}) is never reached: its nodes take {} together", most, sum));
}

using PoolNames = std::unordered_set<std::string_view>;

// Where what comes to listeners of this mode may go.
PoolNames pools_of(const Config& config, Mode mode) {
  PoolNames names;
  for (const Route& route : config.routes)
    if (may_take(config, route, mode)) names.insert(route.pool);
  return names;
}

enum class Takes : std::uint8_t { raw_connections, requests };

// Why a connection takes one thing at a time; "": it takes several.
std::string_view one_a_connection(const Pool& pool, Takes takes) {
  if (takes == Takes::raw_connections) return "each takes one raw connection";
  if (takes_one_a_connection(pool)) return "over HTTP/1.1 each takes one request at a time";
  return {};
}

// Of what a pool, or a node, has in flight, and of the connections for it.
void warn_of_connections(const std::string& path, std::uint64_t in_flight, std::uint64_t connections,
                         std::string_view why, const Position& at, Report& report) {
  if (in_flight < kAdaptive && in_flight > connections && !why.empty())
    report.warning(at, path + ".max_in_flight",
                   fmt::format("({}) is never reached: there may be {} connections (max_connections), and {}",
                               in_flight, connections, why));
}

// `most`: the pool's limit of the same name.
std::string over_pool(std::uint64_t own, std::uint64_t most) {
  return fmt::format("({}) is never reached: the pool takes {}", own, most);
}

// `why`: a connection takes one thing at a time.
void warn_of_node(const Pool& pool, const Node& node, const std::string& path, std::string_view why,
                  const Position& at, Report& report) {
  if (node.max_in_flight < kAdaptive && node.max_in_flight > pool.max_in_flight)
    report.warning(at, path + ".max_in_flight", over_pool(node.max_in_flight, pool.max_in_flight));
  else
    warn_of_connections(path, node.max_in_flight, std::min(node.max_connections, pool.max_connections), why,
                        at, report);
  if (node.max_connections != kUnlimited && node.max_connections > pool.max_connections)
    report.warning(at, path + ".max_connections", over_pool(node.max_connections, pool.max_connections));
}

void warn_of_in_flight(const Pool& pool, Takes takes, const Position& at, Report& report) {
  const std::string path = "pools." + pool.name;
  const std::string_view why = one_a_connection(pool, takes);
  warn_of_connections(path, pool.max_in_flight, pool.max_connections, why, at, report);
  for (std::size_t i = 0; i < pool.nodes.size(); ++i)
    warn_of_node(pool, pool.nodes[i], fmt::format("{}.nodes[{}]", path, i), why, at, report);
}

void warn_of_buffer(const Pool& pool, std::uint64_t most_body, const Position& at, Report& report) {
  if (pool.request_buffer != Pool{}.request_buffer && pool.request_buffer > most_body)
    report.warning(at, fmt::format("pools.{}.request_buffer", pool.name),
                   fmt::format("({}) is never reached: limits.body ({}) is less",
                               written_size(pool.request_buffer), written_size(most_body)));
}

void warn_of_turns(const Pool& pool, std::uint32_t workers, const Position& at, Report& report) {
  std::uint64_t least = pool.max_connections;
  for (const Node& node : pool.nodes) least = std::min(least, node.max_connections);
  if (least < workers)
    report.warning(
        at, "pools." + pool.name,
        fmt::format("has a max_connections of {}, less than there are workers ({}): they take turns, "
                    "and close each other's connections",
                    least, workers));
}

void warn_of_pool(const Config& config, const Pool& pool, Takes takes, const Position& at, Report& report) {
  warn_of_limit(pool, "max_in_flight", pool.max_in_flight, most_in_flight, at, report);
  warn_of_limit(pool, "max_connections", pool.max_connections, most_connections, at, report);
  warn_of_turns(pool, config.workers, at, report);
  warn_of_in_flight(pool, takes, at, report);
  warn_of_buffer(pool, config.limits.body, at, report);
}

}  // namespace

void warn_of_limits(const Config& config, const Places& places, Report& report) {
  const PoolNames raw = pools_of(config, Mode::tcp), requests = pools_of(config, Mode::http);
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const bool only_raw = raw.contains(pool.name) && !requests.contains(pool.name);
    warn_of_pool(config, pool, only_raw ? Takes::raw_connections : Takes::requests, places.pools[i], report);
  }
}

}  // namespace weir::config
