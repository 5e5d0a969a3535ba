// Who owns which part of the key space: a fixed number of slots, each owned by one node. Every node walks
// over all slots in a pseudo-random order of its own, at a speed proportional to its weight, and a slot
// belongs to whoever reaches it first. This is rendezvous hashing of slots: a node's walk depends on its key
// and weight alone, so a node that leaves gives up its own slots and no other slot changes hands, one that
// joins takes slots and moves none between the others, and the order of the nodes does not matter. Integers
// only, so that every machine and version builds the same table. With n equal nodes a share deviates from the
// mean by about sqrt(n / kSlots).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::balancer {

class SlotTable {
 public:
  static constexpr unsigned kBits = 18;
  static constexpr std::uint32_t kSlots = 1u << kBits;

  struct Claimant {
    std::string_view key;
    std::uint32_t weight;  // 1 to Node::kMaxWeight
  };

  SlotTable() = default;
  // `names`: what owner() calls each; empty: by their indices.
  explicit SlotTable(std::span<const Claimant> claimants, std::span<const std::uint32_t> names = {});

  bool empty() const { return owners_.empty(); }
  // The slot's owner. Not to be asked of an empty table.
  std::uint32_t owner(std::uint32_t slot) const { return owners_[slot]; }

 private:
  std::vector<std::uint32_t> owners_;
};

}  // namespace weir::balancer
