#include "proxy/admin/unknown.h"

#include <algorithm>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "proxy/config/section.h"

namespace weir::admin {
namespace {

using Names = std::vector<std::string_view>;

constexpr std::size_t kMostListed = 10;
constexpr std::size_t kMostCompared = 1000;  // the control thread has other things to do

std::string near(std::string_view name, const Names& names, std::string_view owner) {
  const auto compared = std::span(names).first(std::min(names.size(), kMostCompared));
  if (std::string found = config::suggestion(name, compared); !found.empty()) return found;
  if (names.empty()) return fmt::format("; {} none", owner);
  return names.size() <= kMostListed ? fmt::format("; {} {}", owner, config::joined(names)) : std::string();
}

// Those nodes that a host name of the configuration stands for now.
std::vector<std::shared_ptr<core::Endpoint>> named(const core::SnapshotPool& pool, std::string_view name) {
  std::vector<std::shared_ptr<core::Endpoint>> found;
  for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
    if (pool.hosts[i] == name || pool.hosts[i] + ":80" == name) found.push_back(pool.endpoints[i]);
  return found;
}

}  // namespace

const core::SnapshotPool* find_pool(const core::Snapshot& snapshot, std::string_view name) {
  const auto found = std::find_if(snapshot.pools.begin(), snapshot.pools.end(),
                                  [&](const core::SnapshotPool& pool) { return pool.name == name; });
  return found == snapshot.pools.end() ? nullptr : &*found;
}

std::shared_ptr<core::Endpoint> find_node(const core::SnapshotPool& pool, std::string_view address) {
  const auto parsed = io::Address::parse(address);
  if (!parsed) return nullptr;
  if (parsed->kind == io::Address::Kind::name) {
    const auto all = named(pool, parsed->text());
    return all.size() == 1 ? all.front() : nullptr;
  }
  const auto found = std::find_if(pool.endpoints.begin(), pool.endpoints.end(),
                                  [&](const auto& endpoint) { return endpoint->address == *parsed; });
  return found == pool.endpoints.end() ? nullptr : *found;
}

std::string unknown_pool(const core::Snapshot& snapshot, std::string_view name) {
  Names names;
  for (const core::SnapshotPool& pool : snapshot.pools) names.push_back(pool.name);
  return fmt::format("there is no pool {}{}", config::in_quotes(name), near(name, names, "allowed:"));
}

std::string unknown_node(const core::SnapshotPool& pool, std::string_view address) {
  Names names;
  const auto all = named(pool, address);
  for (const auto& endpoint : all) names.push_back(endpoint->text);
  if (!names.empty())
    return fmt::format("{} has several addresses, each of which is a node: {}", config::in_quotes(address),
                       config::joined(names));
  for (const auto& endpoint : pool.endpoints) names.push_back(endpoint->text);
  return fmt::format("the pool {} has no node {}{}", pool.name, config::in_quotes(address),
                     near(address, names, "it has"));
}

}  // namespace weir::admin
