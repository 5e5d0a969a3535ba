#include "proxy/admin/pools_json.h"

#include <chrono>
#include <cmath>
#include <ctime>

#include <fmt/format.h>

#include "balancer/node.h"
#include "proxy/config/scalar.h"

namespace weir::admin {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value, double steps) {
  return std::round(value * steps) / steps;
}

Json percentile_ms(const observe::Latency::Reading& latency, double share) {
  const base::Duration span = observe::percentile(latency, share);
  if (span.count() == 0) return nullptr;
  return rounded(std::chrono::duration<double, std::milli>(span).count(), 1000);
}

void add_rates(Json& to, const Rates& rates) {
  to["rate"] = rounded(rates.requests, 10);
  to["errors"] = rounded(rates.failures, 10);
  to["p50_ms"] = percentile_ms(rates.latency, 0.5);
  to["p99_ms"] = percentile_ms(rates.latency, 0.99);
}

Json state_json(std::string_view state, const core::NodeHistory::Since& since, const Scene& scene) {
  return {{"state", state},
          {"since", utc(since.wall_ms > 0 ? since.wall_ms : scene.started_ms)},
          {"reason", since.reason}};
}

Json last_check_json(const std::optional<core::CheckRecord>& check) {
  if (!check) return nullptr;
  const double took = std::chrono::duration<double, std::milli>(check->took).count();
  return {{"time", utc(check->wall_ms)},
          {"passed", check->outcome == core::CheckRecord::Outcome::passed},
          {"outcome", check->text},
          {"duration_ms", rounded(took, 1000)}};
}

std::string_view word_name(core::NodeWord word) {
  switch (word) {
    case core::NodeWord::by_operator:
      return "operator";
    case core::NodeWord::health:
      return "health";
    case core::NodeWord::ejection:
      return "ejection";
    case core::NodeWord::agent:
      return "agent";
    case core::NodeWord::tier:
      return "tier";
    case core::NodeWord::max_in_flight:
      return "max_in_flight";
    case core::NodeWord::max_connections:
      return "max_connections";
    case core::NodeWord::weight:
      break;
  }
  return "weight";
}

Json transitions_json(const std::vector<core::NodeTransition>& transitions) {
  Json list = Json::array();
  for (auto at = transitions.rbegin(); at != transitions.rend(); ++at)
    list.push_back({{"time", utc(at->wall_ms)},
                    {"word", word_name(at->word)},
                    {"from", at->from},
                    {"to", at->to},
                    {"reason", at->reason}});
  return list;
}

void add_counts(Json& to, const core::Endpoint& endpoint) {
  const Totals totals = totals_of(endpoint);
  to["requests"] = totals.requests;
  to["failures"] = totals.failures;
  to["retries"] = totals.retries;
  to["connections"] = {{"open", observe::open_connections(endpoint.counts)},
                       {"idle", endpoint.idle_connections.load(std::memory_order_relaxed)},
                       {"tunnels", observe::open_tunnels(endpoint.counts)}};
  to["checks"] = {{"passed", endpoint.history.checks_passed()}, {"failed", endpoint.history.checks_failed()}};
}

Json limit_json(std::uint64_t limit) {
  return limit == config::kUnlimited ? Json() : Json(limit);
}

bool is_learned(const core::Endpoint& endpoint) {
  const core::LimitLearner* learner = endpoint.learner.load(std::memory_order_acquire);
  return learner != nullptr && learner->at_work();
}

Json node_json(const core::Endpoint& endpoint, const Scene& scene, const Rates& rates,
               std::int64_t transitions_since) {
  const balancer::NodeState state = endpoint.node->state();
  const bool full = state.eligible() && !endpoint.node->has_room();
  const core::NodeHistory::View history = endpoint.history.view();
  Json node = {
      {"address", endpoint.text},
      {"eligible", state.eligible() && !full},
      {"full", full},
      {"operator", state_json(balancer::word(state.operator_state), history.by_operator, scene)},
      {"health", state_json(balancer::word(state.health), history.health, scene)},
      {"ejection", state_json(balancer::word(state.ejection), history.ejection, scene)},
      {"agent", state_json(balancer::word(state.agent), history.agent, scene)},
      {"suspect", state.suspect},
      {"weight", state.present_weight()},
      {"in_flight", endpoint.node->in_flight()},
      {"max_in_flight", limit_json(endpoint.node->limit())},
      {"adaptive", is_learned(endpoint)},
      {"max_connections", limit_json(endpoint.connections.most())},
  };
  add_rates(node, rates);
  add_counts(node, endpoint);
  node["last_check"] = last_check_json(history.last_check);
  const std::int64_t latest = history.transitions.empty() ? 0 : history.transitions.back().wall_ms;
  if (latest > transitions_since) node["transitions"] = transitions_json(history.transitions);
  return node;
}

std::string health_text(const config::Health& health) {
  const std::string what = health.http ? health.http->method + " " + health.http->target : "TCP connect";
  return what + " every " + config::written(health.interval);
}

// The host name, with its port, that stands for this address in the configuration; null: none does.
Json name_json(const core::SnapshotPool& pool, std::size_t index) {
  const std::string name = core::configured_name(pool, index);
  return name == pool.endpoints[index]->text ? Json() : Json(name);
}

// How the configuration lists it.
void add_place(Json& node, const core::SnapshotPool& pool, std::size_t index) {
  const balancer::Level level = pool.words[index].level;
  node["name"] = name_json(pool, index);
  node["priority"] = level == balancer::kBackup ? Json() : Json(level);
  node["backup"] = level == balancer::kBackup;
}

}  // namespace

Json pool_json(const core::SnapshotPool& pool, const Scene& scene, const Recent& recent,
               std::int64_t transitions_since) {
  const config::Pool& config = scene.snapshot->config.pools[pool.config];
  Json nodes = Json::array();
  Rates all;
  std::uint64_t eligible = 0, full = 0, in_flight = 0;
  bool panic = false;
  for (std::size_t i = 0; i < pool.endpoints.size(); ++i) {
    const auto& endpoint = pool.endpoints[i];
    const Rates rates = recent.of(*endpoint);
    all += rates;
    in_flight += endpoint->node->in_flight();
    panic = panic || endpoint->node->state().pardoned;
    nodes.push_back(node_json(*endpoint, scene, rates, transitions_since));
    eligible += nodes.back()["eligible"] == true ? 1 : 0;
    full += nodes.back()["full"] == true ? 1 : 0;
    add_place(nodes.back(), pool, i);
  }
  const Json health = config.health ? Json(health_text(*config.health)) : Json();
  Json made = {{"name", pool.name},
               {"strategy", config.strategy},
               {"health", health},
               {"size", pool.endpoints.size()},
               {"eligible", eligible},
               {"full", full},
               {"panic", panic},
               {"in_flight", in_flight},
               {"max_in_flight", limit_json(pool.shared->gate.most())},
               {"max_connections", limit_json(pool.shared->connections.most())},
               {"queued", pool.shared->gate.waiting()}};
  add_rates(made, all);
  made["nodes"] = std::move(nodes);
  return made;
}

Json node_json(const core::Endpoint& node, const core::SnapshotPool* pool, const Scene& scene,
               const Recent& recent) {
  Json made = node_json(node, scene, recent.of(node), kAllTransitions);
  for (std::size_t i = 0; pool != nullptr && i < pool->endpoints.size(); ++i)
    if (pool->endpoints[i].get() == &node) add_place(made, *pool, i);
  return made;
}

Json pools_json(const Scene& scene, const Recent& recent, std::int64_t transitions_since) {
  Json pools = Json::array();
  for (const core::SnapshotPool& pool : scene.snapshot->pools)
    pools.push_back(pool_json(pool, scene, recent, transitions_since));
  return pools;
}

std::string utc(std::int64_t wall_ms) {
  const std::time_t second = wall_ms / 1000;
  std::tm parts{};
  gmtime_r(&second, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text, size), wall_ms % 1000);
}

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace weir::admin
