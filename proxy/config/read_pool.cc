#include "proxy/config/read_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "balancer/strategies.h"
#include "proxy/config/read_ejection.h"
#include "proxy/config/read_hash_key.h"
#include "proxy/config/read_health.h"
#include "proxy/config/read_hedge.h"
#include "proxy/config/read_node.h"
#include "proxy/config/read_retry.h"
#include "proxy/config/read_sticky.h"
#include "proxy/config/read_timeouts.h"
#include "proxy/config/read_tls.h"
#include "proxy/config/scalar.h"
#include "proxy/http/message.h"
#include "proxy/http/token.h"

namespace weir::config {

namespace {

constexpr DurationRange kSlowStart{1s, 1h, DurationRange::Off::allowed};

constexpr std::string_view kPoolNames = "1 to 64 of A-Z a-z 0-9 _ . -, and not . or .. alone";

bool is_pool_name(std::string_view name) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  const bool is_path = name == "." || name == "..";  // which no path of the API could hold
  return !name.empty() && !is_path && name.size() <= 64 && name.find_first_not_of(kCharacters) == name.npos;
}

// Leaves the name empty if it is refused, so that nothing else is said about it.
void read_strategy(const Field& field, std::string& out) {
  out.clear();
  const auto names = balancer::strategy_names();
  if (!field.must_be(Value::Kind::scalar, joined(names))) return;
  if (std::find(names.begin(), names.end(), field.value.text) == names.end()) {
    const std::string near = suggestion(field.value.text, names);
    if (near.empty()) return field.refuse(joined(names));
    return field.fail("there is no strategy " + in_quotes(field.value.text) + near);
  }
  out = field.value.text;
}

std::string strategies_with_key() {
  std::vector<std::string_view> names;
  for (const std::string_view name : balancer::strategy_names())
    if (balancer::takes_key(name)) names.push_back(name);
  return joined(names);
}

void read_hash(const Field& field, HashKey& out, const std::string& strategy) {
  const Section section(field, keys::kHash);
  section.read("key", read_hash_key, out);
  if (!strategy.empty() && !balancer::takes_key(strategy))
    field.fail(fmt::format("is of no use to the strategy {}; leave it out, or set strategy: {}", strategy,
                           strategies_with_key()));
}

void warn_of_idle_timeout(const Field& idle_timeout, const Keepalive& keepalive) {
  if (idle_timeout.report.failed()) return;
  if (keepalive.max_idle == 0)
    idle_timeout.report.warning(idle_timeout.value.at, idle_timeout.path,
                                "has no effect: max_idle is 0, so that no connection is kept");
  else if (keepalive.idle_timeout > keepalive.max_lifetime)
    idle_timeout.report.warning(
        idle_timeout.value.at, idle_timeout.path,
        fmt::format("({}) is never reached: max_lifetime ({}) is shorter", written(keepalive.idle_timeout),
                    written(keepalive.max_lifetime)));
}

void read_keepalive(const Field& field, Keepalive& out) {
  const Section section(field, keys::kKeepalive);
  section.read("max_idle", read_count, out.max_idle, CountRange{0, 1'000'000});
  section.read("idle_timeout", read_duration, out.idle_timeout, kTimeout);
  section.read("max_lifetime", read_duration, out.max_lifetime, kTimeoutOrOff);
  section.read("idle_timeout", warn_of_idle_timeout, out);
}

void warn_of_queue_timeout(const Field& timeout) {
  timeout.report.warning(timeout.value.at, timeout.path, "has no effect: size is 0, so that nobody waits");
}

void read_queue(const Field& field, Queue& out) {
  const Section section(field, keys::kQueue);
  section.read("size", read_count, out.size, CountRange{0, 1'000'000});
  section.read("timeout", read_duration, out.timeout, DurationRange{1ms, 1h});
  if (out.size == 0 && !field.report.failed()) section.read("timeout", warn_of_queue_timeout);
}

void warn_of_queue(const Field& queue) {
  queue.report.warning(queue.value.at, queue.path,
                       "has no effect: nothing here is limited, so that nobody waits; set max_in_flight or "
                       "max_connections for the pool or its nodes, or leave it out");
}

bool has_several_priorities(const std::vector<Node>& nodes) {
  const auto first = std::find_if(nodes.begin(), nodes.end(), [](const Node& node) { return !node.backup; });
  return std::any_of(first, nodes.end(),
                     [&](const Node& node) { return !node.backup && node.priority != first->priority; });
}

// A key goes to its own node whatever that one's weight is for the moment; only tiers share by it.
void warn_of_slow_start(const Field& slow_start, const Pool& pool) {
  if (pool.slow_start != kOff && balancer::takes_key(pool.strategy) && !has_several_priorities(pool.nodes))
    slow_start.report.warning(
        slow_start.value.at, slow_start.path,
        fmt::format(
            "has no effect: {} sends a key to its own node, however new that is; leave it out, or set "
            "another strategy",
            pool.strategy));
}

void read_pool(const Field& field, Pool& out) {
  const Section section(field, keys::kPool);
  section.read("strategy", read_strategy, out.strategy);
  section.read("hash", read_hash, out.hash, out.strategy);
  section.require("nodes", read_nodes, out.nodes);
  section.read("protocol", read_word<Protocol>, out.protocol, std::span(kProtocols));
  section.read("tls", read_pool_tls, out);
  section.read("health", read_health, out.health, out.nodes, out.protocol);
  section.read("ejection", read_ejection, out.ejection);
  section.read("panic", read_percent, out.panic, 100U);
  section.read("slow_start", read_duration, out.slow_start, kSlowStart);
  section.read("slow_start", warn_of_slow_start, out);
  section.read("retry", read_retry, out.retry);
  section.read("hedge", read_hedge, out.hedge);
  section.read("keepalive", read_keepalive, out.keepalive);
  section.read("max_in_flight", read_max_in_flight, out.max_in_flight);
  section.read("max_connections", read_max_connections, out.max_connections);
  section.read("queue", read_queue, out.queue);
  if (!out.has_limits() && out.queue != Queue{} && !field.report.failed())
    section.read("queue", warn_of_queue);
  section.read("timeouts", read_timeout_overrides, out.timeouts, keys::kPoolTimeouts);
  section.read("sticky", read_sticky, out.sticky);
  section.read("request_buffer", read_size, out.request_buffer, CountRange{0, 16 * 1024 * 1024});
  section.read("resolve_interval", read_duration, out.resolve_interval, DurationRange{1s, 5min});
  section.read("proxy_protocol", read_word<ProxyProtocol>, out.proxy_protocol, kSentProxyProtocols);
}

}  // namespace

void read_pools(const Field& field, std::vector<Pool>& out, Places& places) {
  if (!field.must_be(Value::Kind::map, "a map of pools by name")) return;
  if (field.value.keys.empty()) return field.fail("has no pool; at least one is required");
  std::unordered_map<std::string_view, int> seen;
  for (std::size_t i = 0; i < field.value.keys.size(); ++i) {
    const Key& name = field.value.keys[i];
    const Field member = field.member(i);
    const auto [first, fresh] = seen.emplace(name.text, name.at.line);
    if (!fresh) {
      field.report.error(name.at, member.path,
                         fmt::format("given twice, first on line {}; a key may stand once", first->second));
      continue;
    }
    if (name.text == "<<") {
      field.report.error(name.at, member.path, "merge keys are not supported; write the pools out");
      continue;
    }
    if (!is_pool_name(name.text))
      field.report.error(
          name.at, field.path,
          fmt::format("{} is no name for a pool; allowed: {}", in_quotes(name.text), kPoolNames));
    out.emplace_back().name = name.text;
    places.pools.push_back(name.at);
    read_pool(member, out.back());
  }
}

}  // namespace weir::config
