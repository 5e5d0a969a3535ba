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

enum class Key : std::uint8_t { ignored, taken };

struct Entry {
  std::string_view name;
  Key key;
  std::unique_ptr<Strategy> (*make)();
};

constexpr std::array kStrategies{
    Entry{"round-robin", Key::ignored, make<RoundRobin>},
    Entry{"least-connections", Key::ignored, make<LeastConnections>},
    Entry{"consistent-hash", Key::taken, make<ConsistentHash>},
};

constexpr auto kNames = [] {
  std::array<std::string_view, kStrategies.size()> names;
  for (std::size_t i = 0; i < names.size(); ++i) names[i] = kStrategies[i].name;
  return names;
}();

const Entry* find(std::string_view name) {
  for (const Entry& entry : kStrategies)
    if (entry.name == name) return &entry;
  return nullptr;
}

}  // namespace

std::span<const std::string_view> strategy_names() {
  return kNames;
}

bool takes_key(std::string_view name) {
  const Entry* entry = find(name);
  return entry != nullptr && entry->key == Key::taken;
}

std::unique_ptr<Strategy> make_strategy(std::string_view name) {
  const Entry* entry = find(name);
  return entry != nullptr ? entry->make() : nullptr;
}

}  // namespace weir::balancer
