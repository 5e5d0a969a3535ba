// Sees to it that soft verdicts leave enough nodes to each pool (health/panic.h): while they would not, all
// of the pool's nodes are pardoned of them. It keeps count of how nodes stand as their words change, so that
// a change costs the same however many nodes there are. Owned by the ejector; control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "health/panic.h"
#include "proxy/core/node_changes.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

class PanicFloor {
 public:
  explicit PanicFloor(NodeChangeBatch& changes) : changes_(changes) {}

  void watch(const Snapshot& snapshot);
  // The node's word has changed.
  void note(const std::string& pool, const Endpoint& endpoint);

 private:
  struct Standing {
    balancer::Level tier = 0;
    balancer::Bar bar = balancer::Bar::none;
  };
  struct Floor {
    std::uint32_t percent = 0;
    std::vector<std::shared_ptr<Endpoint>> nodes;
    std::unordered_map<const Endpoint*, Standing> standings;
    std::array<health::TierCensus, balancer::kBackup + 1> tiers{};
    bool panic = false;
  };

  static void count(Floor& floor, const Standing& standing, std::size_t more);
  void judge(const std::string& pool, Floor& floor);
  void carry_out(const std::string& pool, const Floor& floor);

  NodeChangeBatch& changes_;
  std::map<std::string, Floor> floors_;
};

}  // namespace weir::core
