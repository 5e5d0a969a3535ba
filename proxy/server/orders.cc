#include "proxy/server/orders.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/unknown.h"
#include "proxy/config/scalar.h"
#include "proxy/config/validate_raw.h"
#include "proxy/io/address.h"

namespace weir::server {
namespace {

using Ordered = admin::OrderReport::Result;

// As addresses are told apart; what is none stays as it is.
std::string normal(const std::string& address) {
  const auto parsed = io::Address::parse(address);
  return parsed ? parsed->text() : address;
}

template <class T>
core::Override::Part<T> part_of(T value, const admin::NodeOrder& order, base::Time now) {
  core::Override::Part<T> part{.value = value, .until = base::kNever, .reason = order.author};
  if (order.time) {
    part.until = base::deadline(now, *order.time);
    part.reason += ", for " + config::written(*order.time);
  }
  return part;
}

config::Change change_of(const core::Overrides::Name& name, std::string_view what, std::string from,
                         std::string to) {
  return {config::Change::Kind::changed, fmt::format("pools.{}.nodes[{}].{}", name.pool, name.node, what),
          std::move(from), std::move(to)};
}

std::string quoted(balancer::Operator state) {
  return fmt::format("\"{}\"", balancer::word(state));
}

std::string limit_text(std::uint64_t limit) {
  const std::string text = config::written_limit(limit);
  return limit >= config::kAdaptive ? fmt::format("\"{}\"", text) : text;
}

std::string priority_text(balancer::Level tier) {
  return std::to_string(tier == balancer::kBackup ? 0 : tier);
}

std::string backup_text(balancer::Level tier) {
  return tier == balancer::kBackup ? "true" : "false";
}

template <class T>
base::Time end_of(const std::optional<core::Override::Part<T>>& said) {
  return said ? said->until : base::kNever;
}

template <class T>
T value_of(const std::optional<core::Override::Part<T>>& said, T otherwise) {
  return said ? said->value : otherwise;
}

// As an edit of the file would have it.
balancer::Level tier_of(const admin::NodeOrder& order, balancer::Level present) {
  if (order.backup == true) return balancer::kBackup;
  if (order.priority) return static_cast<balancer::Level>(*order.priority);
  return order.backup == false && present == balancer::kBackup ? balancer::Level{0} : present;
}

bool changes_state_alone(const admin::NodeOrder& order) {
  return order.kind == admin::NodeOrder::Kind::change && order.state && !order.weight && !order.priority &&
         !order.backup && !order.max_in_flight && !order.max_connections;
}

// False if nothing was said of it for the time being.
bool clear(const admin::NodeOrder& order, const core::Overrides::Name& name, core::Overrides& overrides) {
  if (order.kind == admin::NodeOrder::Kind::remove) return overrides.forget(name);
  bool over = false;
  const auto end = [&](bool is_said, auto part) { over |= is_said && overrides.clear(name, part); };
  end(order.state.has_value(), &core::Override::state);
  end(order.weight.has_value(), &core::Override::weight);
  end(order.priority || order.backup, &core::Override::tier);
  end(order.max_in_flight.has_value(), &core::Override::max_in_flight);
  end(order.max_connections.has_value(), &core::Override::max_connections);
  return over;
}

}  // namespace

void Orders::take(const admin::NodeOrder& order, Done done) {
  if (const std::string why = objection_to(order); !why.empty())
    return done({.result = Ordered::invalid, .error = why, .changes = {}, .written = {}});
  if (order.lasting == admin::NodeOrder::Lasting::temporary) return take_temporary(order, std::move(done));
  if (frees_address(order))
    return end_temporary(order, {.result = Ordered::unchanged, .error = {}, .changes = {}, .written = {}},
                         std::move(done));
  reloader_.edit(order, [this, order, done = std::move(done)](const admin::OrderReport& report) mutable {
    on_written(order, report, std::move(done));
  });
}

void Orders::take_temporary(const admin::NodeOrder& order, Done done) {
  const auto name = find(order);
  if (!name) return done(not_found(order));
  const Listed present = listed(*name);
  const base::Time now = runtime_.now();
  core::Overrides overrides = fleet_.overrides();
  const core::Override before = overrides.of(name->pool, name->node, name->node);
  core::Override parts;
  admin::OrderReport report;
  report.result = Ordered::unchanged;
  const auto put = [&](auto part, const auto& said, const auto& was, std::string_view what, auto&& text) {
    if (!said) return;
    parts.*part = part_of(*said, order, now);
    const std::string from = text(was), to = text(*said);
    if (from != to) report.changes.push_back(change_of(*name, what, from, to));
    if (from != to || end_of(before.*part) != end_of(parts.*part)) report.result = Ordered::done;
  };
  const auto number = [](std::uint32_t weight) { return std::to_string(weight); };
  using Said = core::Override;
  put(&Said::state, order.state, present.state, "state", quoted);
  put(&Said::weight, order.weight, present.weight, "weight", number);
  const auto tier =
      order.priority || order.backup ? std::optional(tier_of(order, present.tier)) : std::nullopt;
  put(&Said::tier, tier, present.tier, "priority", priority_text);
  put(&Said::tier, tier, present.tier, "backup", backup_text);
  put(&Said::max_in_flight, order.max_in_flight, present.max_in_flight, "max_in_flight", limit_text);
  put(&Said::max_connections, order.max_connections, present.max_connections, "max_connections", limit_text);
  overrides.set(*name, std::move(parts));
  override_nodes(std::move(overrides), order.author, std::move(report), std::move(done));
}

void Orders::on_written(const admin::NodeOrder& order, admin::OrderReport report, Done done) {
  if (report.result != Ordered::done && report.result != Ordered::unchanged) return done(report);
  if (report.result == Ordered::done) report.written = reloader_.file();
  end_temporary(order, std::move(report), std::move(done));
}

void Orders::end_temporary(const admin::NodeOrder& order, admin::OrderReport report, Done done) {
  core::Overrides overrides = fleet_.overrides();
  bool over = false;
  for (const core::Overrides::Name& name : all_of(order)) over |= clear(order, name, overrides);
  if (!over) return done(report);
  report.result = Ordered::done;
  override_nodes(std::move(overrides), order.author, std::move(report), std::move(done));
}

void Orders::override_nodes(core::Overrides overrides, const std::string& reason, admin::OrderReport report,
                            Done done) {
  const std::uint64_t revision = fleet_.override_nodes(std::move(overrides), reason);
  waiting_.push_back({revision, std::move(report), std::move(done)});
}

void Orders::on_taken(std::uint64_t revision) {
  while (!waiting_.empty() && waiting_.front().revision <= revision) {
    const Waiting over = std::move(waiting_.front());
    waiting_.pop_front();
    over.done(over.report);
  }
}

void Orders::forget_gone_nodes() {
  core::Overrides overrides = fleet_.overrides();
  for (const auto& [name, said] : fleet_.overrides().all()) {
    admin::NodeOrder order;
    order.pool = name.pool;
    order.address = name.node;
    if (!find(order)) overrides.forget(name);
  }
  if (overrides == fleet_.overrides()) return;
  fleet_.override_nodes(std::move(overrides), "");
}

// What the names of the configuration, or of the snapshot, stand for now.
Orders::Listed Orders::listed(const core::Overrides::Name& name) const {
  for (const core::SnapshotPool& pool : fleet_.snapshot()->pools)
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
      if (pool.name == name.pool && pool.endpoints[i]->text == name.node) {
        const balancer::NodeState state = pool.endpoints[i]->node->state();
        return {state.operator_state, state.weight, pool.words[i].level, pool.limits[i],
                pool.most_connections[i]};
      }
  const core::Override said = fleet_.overrides().of(name.pool, name.node, name.node);
  for (const config::Pool& pool : fleet_.config()->pools)
    for (const config::Node& node : pool.nodes)
      if (pool.name == name.pool && node.address.text() == name.node)
        return {value_of(said.state, node.state), value_of(said.weight, node.weight),
                value_of(said.tier, core::level_of(node)), value_of(said.max_in_flight, node.max_in_flight),
                value_of(said.max_connections, node.max_connections)};
  return {};
}

std::vector<core::Overrides::Name> Orders::all_of(const admin::NodeOrder& order) const {
  const std::string called = normal(order.address);
  std::vector<core::Overrides::Name> names{{order.pool, called}};
  for (const core::SnapshotPool& pool : fleet_.snapshot()->pools)
    for (std::size_t i = 0; pool.name == order.pool && i < pool.endpoints.size(); ++i)
      if (pool.endpoints[i]->text != called && core::configured_name(pool, i) == called)
        names.push_back({order.pool, pool.endpoints[i]->text});
  return names;
}

bool Orders::frees_address(const admin::NodeOrder& order) const {
  if (!changes_state_alone(order) || order.state != balancer::Operator::active) return false;
  const std::string address = normal(order.address);
  for (const core::SnapshotPool& pool : fleet_.snapshot()->pools)
    for (std::size_t i = 0; pool.name == order.pool && i < pool.endpoints.size(); ++i) {
      const std::string name = core::configured_name(pool, i);
      if (pool.endpoints[i]->text == address && name != address)
        return listed({order.pool, name}).state == balancer::Operator::active;
    }
  return false;
}

std::string Orders::objection_to(const admin::NodeOrder& order) const {
  const config::Config& config = *fleet_.config();
  if (order.max_in_flight == config::kAdaptive && config::takes_raw(config, order.pool))
    return fmt::format(
        "max_in_flight: raw connections come to the pool {}, and have no answers to learn from, so that its "
        "nodes learn no limits; allowed: a number, unlimited",
        order.pool);
  const bool learns = std::any_of(config.pools.begin(), config.pools.end(), [&](const config::Pool& pool) {
    return pool.name == order.pool && pool.max_in_flight == config::kAdaptive;
  });
  if (order.max_in_flight == config::kUnlimited && learns)
    return fmt::format(
        "max_in_flight: the nodes of the pool {} that have no number learn their limits (its max_in_flight "
        "is adaptive), so that none is unlimited; allowed: a number, adaptive",
        order.pool);
  return {};
}

std::optional<core::Overrides::Name> Orders::find(const admin::NodeOrder& order) const {
  const std::string address = normal(order.address);
  for (const config::Pool& pool : fleet_.config()->pools)
    for (const config::Node& node : pool.nodes)
      if (pool.name == order.pool && node.address.text() == address)
        return core::Overrides::Name{pool.name, address};
  for (const core::SnapshotPool& pool : fleet_.snapshot()->pools)
    for (const auto& endpoint : pool.endpoints)
      if (pool.name == order.pool && endpoint->text == address)
        return core::Overrides::Name{pool.name, address};
  return std::nullopt;
}

admin::OrderReport Orders::not_found(const admin::NodeOrder& order) const {
  const core::Snapshot& snapshot = *fleet_.snapshot();
  const core::SnapshotPool* pool = admin::find_pool(snapshot, order.pool);
  admin::OrderReport report;
  report.result = Ordered::not_found;
  report.error =
      pool != nullptr ? admin::unknown_node(*pool, order.address) : admin::unknown_pool(snapshot, order.pool);
  return report;
}

}  // namespace weir::server
