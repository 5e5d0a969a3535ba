#include "balancer/strategies.h"

#include <array>

#include "balancer/consistent_hash.h"
#include "balancer/least_connections.h"
#include "balancer/round_robin.h"

namespace weir::balancer {
namespace {

template <class T>
std::unique_ptr<Strategy> make() {
  return std::make_unique<T>();
}

struct Entry {
  std::string_view name;
  std::unique_ptr<Strategy> (*make)();
};

constexpr std::array kStrategies{
    Entry{"round-robin", make<RoundRobin>},
    Entry{"least-connections", make<LeastConnections>},
    Entry{"consistent-hash", make<ConsistentHash>},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kStrategies.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kStrategies[i].name;
  return names;
}();

}  // namespace

std::span<const std::string_view> strategy_names() {
  return kNames;
}

std::unique_ptr<Strategy> make_strategy(std::string_view name) {
  for (const Entry& entry : kStrategies) {
    if (entry.name == name) return entry.make();
  }
  return nullptr;
}

}  // namespace weir::balancer
