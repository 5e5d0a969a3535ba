#include "proxy/server/orders.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/unknown.h"
#include "proxy/config/scalar.h"
#include "proxy/io/address.h"

namespace weir::server {
namespace {

using Ordered = admin::OrderReport::Result;
using What = core::Overrides::What;

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

}  // namespace

void Orders::take(const admin::NodeOrder& order, Done done) {
  if (order.lasting == admin::NodeOrder::Lasting::temporary) return take_temporary(order, std::move(done));
  reloader_.edit(order, [this, order, done = std::move(done)](const admin::OrderReport& report) mutable {
    on_written(order, report, std::move(done));
  });
}

void Orders::take_temporary(const admin::NodeOrder& order, Done done) {
  const auto name = find(order);
  if (!name) return done(not_found(order));
  core::Override parts;
  admin::OrderReport report;
  const balancer::NodeState present = [&] {
    for (const core::SnapshotPool& pool : fleet_.snapshot()->pools)
      for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
        if (pool.name == name->pool && pool.endpoints[i]->text == name->node)
          return pool.endpoints[i]->node->state();
    return balancer::NodeState{};
  }();
  const base::Time now = runtime_.now();
  if (order.state) {
    parts.state = part_of(*order.state, order, now);
    report.changes.push_back(change_of(*name, "state", quoted(present.operator_state), quoted(*order.state)));
  }
  if (order.weight) {
    parts.weight = part_of(*order.weight, order, now);
    report.changes.push_back(
        change_of(*name, "weight", std::to_string(present.weight), std::to_string(*order.weight)));
  }
  core::Overrides overrides = fleet_.overrides();
  overrides.set(*name, std::move(parts));
  override_nodes(std::move(overrides), order.author, std::move(report), std::move(done));
}

// What was for the time being of the same is over.
void Orders::on_written(const admin::NodeOrder& order, admin::OrderReport report, Done done) {
  if (report.result != Ordered::done && report.result != Ordered::unchanged) return done(report);
  if (report.result == Ordered::done) report.written = reloader_.file();
  core::Overrides overrides = fleet_.overrides();
  const core::Overrides::Name name{order.pool, normal(order.address)};
  const bool all = order.kind == admin::NodeOrder::Kind::remove;
  bool over = (all || order.state) && overrides.clear(name, What::state);
  over = ((all || order.weight) && overrides.clear(name, What::weight)) || over;
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
    if (find(order)) continue;
    overrides.clear(name, What::state);
    overrides.clear(name, What::weight);
  }
  if (overrides == fleet_.overrides()) return;
  fleet_.override_nodes(std::move(overrides), "");
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
