#include "proxy/config/node_edit.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/config/node_addition.h"
#include "proxy/config/node_change.h"
#include "proxy/config/node_removal.h"
#include "proxy/config/read.h"
#include "proxy/config/section.h"
#include "proxy/config/written_nodes.h"
#include "proxy/config/yaml_reader.h"

namespace weir::config {

namespace {

using Refused = std::optional<EditRefusal>;
using Edited = base::Result<EditedText, EditRefusal>;

constexpr std::uint32_t kMostWeight = 1000;
constexpr std::string_view kByHand = "edit the file by hand";

// Where the edit strikes: a place in the configuration, and so in the file.
struct Target {
  std::size_t pool = 0;
  std::size_t node = 0;  // the number of nodes for one that is added
};

EditRefusal invalid(std::string reason) {
  return {EditRefusal::Kind::invalid, std::move(reason)};
}

EditRefusal conflict(std::string reason) {
  return {EditRefusal::Kind::conflict, std::move(reason)};
}

EditRefusal not_found(std::string reason) {
  return {EditRefusal::Kind::not_found, std::move(reason)};
}

// What is wrong with the edit itself.
Refused check(const NodeEdit& edit) {
  if (edit.weight && (*edit.weight < 1 || *edit.weight > kMostWeight))
    return invalid(fmt::format("a node has no weight {}; allowed: 1 to {}", *edit.weight, kMostWeight));
  if (edit.backup == true && edit.priority.value_or(0) > 0)
    return invalid("a backup comes after all other nodes, whatever its priority; leave priority out");
  const std::string text = edit.address.text();
  if (io::Address::parse(text) != edit.address ||
      (edit.address.kind != io::Address::Kind::unix_path && edit.address.port == 0))
    return invalid(in_quotes(text) + " is no node's address; allowed: HOST:PORT, [IPV6]:PORT or unix:/PATH");
  return std::nullopt;
}

std::string first_error(const Loaded& loaded) {
  const auto error =
      std::find_if(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                   [](const Diagnostic& each) { return each.level == Diagnostic::Level::error; });
  return error == loaded.diagnostics.end() ? std::string() : error->text();
}

EditRefusal no_pool(const Config& config, const std::string& name, const std::string& file) {
  constexpr std::size_t kMostNamed = 10;
  std::vector<std::string_view> names;
  names.reserve(config.pools.size());
  for (const Pool& pool : config.pools) names.push_back(pool.name);
  std::string near = suggestion(name, names);
  if (near.empty())
    near = "; " + std::string(names.size() > kMostNamed ? "among the pools are " : "the pools are ") +
           joined(std::span(names).first(std::min(names.size(), kMostNamed)));
  return not_found(fmt::format("{} has no pool {}{}", file, in_quotes(name), near));
}

// The name that may have this address by now, if a pool has one.
const Node* find_name(const Pool& pool, const io::Address& address) {
  const auto found = std::find_if(pool.nodes.begin(), pool.nodes.end(), [&](const Node& node) {
    return node.address.kind == io::Address::Kind::name && node.address.port == address.port;
  });
  return address.kind != io::Address::Kind::ip || found == pool.nodes.end() ? nullptr : &*found;
}

EditRefusal no_node(const Pool& pool, const NodeEdit& edit, const std::string& file) {
  std::string way = "; add it, or name one that is there";
  if (const Node* name = find_name(pool, edit.address))
    way = fmt::format("; if it is what {} resolves to, edit that", name->address.text());
  return not_found(
      fmt::format("{} has no node {} in the pool {}{}", file, edit.address.text(), pool.name, way));
}

base::Result<Target, EditRefusal> find(const Config& config, const NodeEdit& edit, const std::string& file) {
  const auto pool = std::find_if(config.pools.begin(), config.pools.end(),
                                 [&](const Pool& each) { return each.name == edit.pool; });
  if (pool == config.pools.end()) return base::unexpected(no_pool(config, edit.pool, file));
  const auto node = std::find_if(pool->nodes.begin(), pool->nodes.end(),
                                 [&](const Node& each) { return each.address == edit.address; });
  const bool found = node != pool->nodes.end();
  if (edit.kind == NodeEdit::Kind::add && found)
    return base::unexpected(conflict(
        fmt::format("the pool {} has the node {} already; change that", pool->name, edit.address.text())));
  if (edit.kind != NodeEdit::Kind::add && !found) return base::unexpected(no_node(*pool, edit, file));
  return Target{static_cast<std::size_t>(pool - config.pools.begin()),
                static_cast<std::size_t>(node - pool->nodes.begin())};
}

void apply(const NodeEdit& edit, Node& node) {
  node.weight = edit.weight.value_or(node.weight);
  node.state = edit.state.value_or(node.state);
  if (edit.priority) node.backup = false;
  node.priority = edit.priority.value_or(node.priority);
  node.backup = edit.backup.value_or(node.backup);
  if (node.backup) node.priority = 0;
  node.max_in_flight = edit.max_in_flight.value_or(node.max_in_flight);
  node.max_connections = edit.max_connections.value_or(node.max_connections);
}

Config with(const NodeEdit& edit, const Target& target, Config config) {
  std::vector<Node>& nodes = config.pools[target.pool].nodes;
  if (edit.kind == NodeEdit::Kind::remove) {
    nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(target.node));
    return config;
  }
  if (edit.kind == NodeEdit::Kind::add) nodes.emplace_back().address = edit.address;
  apply(edit, nodes[target.node]);
  return config;
}

std::size_t index_of(const Value& map, std::string_view key) {
  const auto found =
      std::find_if(map.keys.begin(), map.keys.end(), [&](const Key& each) { return each.text == key; });
  return static_cast<std::size_t>(found - map.keys.begin());
}

EditRefusal not_as_text(const std::string& file) {
  return conflict(
      fmt::format("{} is laid out so that this node cannot be edited as text; {}", file, kByHand));
}

EditRefusal several_places(const NodeEdit& edit, const std::string& file) {
  return conflict(
      fmt::format("the nodes of the pool {} are what an alias in {} stands for, so that several places would "
                  "change; write them out, or {}",
                  edit.pool, file, kByHand));
}

// The patch's reason with what it is about.
Edited refused(const NodeEdit& edit, const std::string& reason) {
  return base::unexpected(
      conflict(fmt::format("the node {} of the pool {}: {}", edit.address.text(), edit.pool, reason)));
}

base::Result<Patch, std::string> patch(const WrittenNodes& nodes, const NodeEdit& edit, const Target& target,
                                       const Config& before, const Config& after) {
  const auto node = [&](const Config& config) { return config.pools[target.pool].nodes[target.node]; };
  switch (edit.kind) {
    case NodeEdit::Kind::add:
      return add_node(nodes, node(after));
    case NodeEdit::Kind::remove:
      return remove_node(nodes, target.node);
    case NodeEdit::Kind::change:
      break;
  }
  return change_node(nodes, target.node, node(before), node(after));
}

// The last word: whatever was misjudged above, a text that reads otherwise than it should is not given out.
Edited verified(std::string text, const Config& wanted, const std::string& file) {
  Loaded after = read_text(text, file);
  if (!after.config)
    return base::unexpected(conflict(
        fmt::format("the edit would leave no valid configuration ({}); {}", first_error(after), kByHand)));
  if (*after.config != wanted) return base::unexpected(not_as_text(file));
  return EditedText{std::move(text), std::move(*after.config)};
}

Edited edit_text(std::string_view text, const std::string& file, const NodeEdit& edit, const Target& target,
                 const Config& before) {
  const Config wanted = with(edit, target, before);
  if (wanted == before) return EditedText{std::string(text), before};
  Report report(file);
  const ValuePtr root = read_written(text, report);
  if (!root) return base::unexpected(not_as_text(file));
  const Value& pools = *root->items[index_of(*root, "pools")];
  const Value& pool = *pools.items[target.pool];
  const std::size_t at = index_of(pool, "nodes");
  for (const Value* value : {&pools, &pool, pool.items[at].get()})
    if (value->use != Value::Use::once) return base::unexpected(several_places(edit, file));
  Layout layout(text);
  const WrittenNodes nodes(layout, pool.keys[at], *pool.items[at]);
  const auto change = patch(nodes, edit, target, before, wanted);
  if (!change) return refused(edit, change.error());
  auto edited = layout.lost() ? std::nullopt : change->applied_to(text);
  if (!edited) return base::unexpected(not_as_text(file));
  return verified(std::move(*edited), wanted, file);
}

}  // namespace

Edited edit_node(std::string_view text, const std::string& file, const NodeEdit& edit) {
  if (auto wrong = check(edit)) return base::unexpected(std::move(*wrong));
  const Loaded before = read_text(text, file);
  if (!before.config)
    return base::unexpected(invalid(
        fmt::format("the file is no valid configuration, so mend it first: {}", first_error(before))));
  const auto target = find(*before.config, edit, file);
  if (!target) return base::unexpected(target.error());
  return edit_text(text, file, edit, *target, *before.config);
}

}  // namespace weir::config
