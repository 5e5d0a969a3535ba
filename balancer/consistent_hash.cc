#include "balancer/consistent_hash.h"

#include <cmath>

#include "balancer/hash.h"

namespace weir::balancer {
namespace {

// With a twentieth of the nodes left one walk in 27 ends here without a node.
constexpr std::uint32_t kWalk = 64;

}  // namespace

std::optional<std::size_t> ConsistentHash::pick(const Eligible& eligible, const PickInput& input, Rng&) {
  if (slots_->empty()) return std::nullopt;
  const std::uint64_t key = mix(input.hash);  // whatever the caller hashed with, its upper bits are good now
  const auto home = static_cast<std::uint32_t>(key >> (64 - SlotTable::kBits));
  for (std::uint32_t step = 0; step < kWalk; ++step) {
    const std::size_t owner = slots_->owner((home + step) % SlotTable::kSlots);
    if (input.was_tried(owner)) continue;
    if (eligible.usable(*eligible.nodes()[owner]) || eligible.tries_out(owner, input)) return owner;
  }
  return rendezvous(eligible, input, key);
}

// Each node draws, from the key and its name, a time that is exponentially distributed with its weight as the
// rate; the earliest wins with a probability in proportion to its weight.
std::optional<std::size_t> ConsistentHash::rendezvous(const Eligible& eligible, const PickInput& input,
                                                      std::uint64_t key) const {
  std::optional<std::size_t> best;
  double earliest = 0;
  for (const Target& target : eligible.targets()) {
    if (!eligible.usable(*target.node) || input.was_tried(target.index)) continue;
    const std::uint64_t drawn = mix(key ^ node_hashes_[target.index]) >> 11 | 1;  // 53 bits, never 0
    const double time = -std::log(static_cast<double>(drawn) * 0x1p-53) / target.node->weight();
    if (!best || time < earliest) {
      best = target.index;
      earliest = time;
    }
  }
  return best;
}

void ConsistentHash::rebuild(const Eligible& eligible, Rng&) {
  if (slots_) return;  // nothing here depends on which nodes are eligible
  const NodeSet& nodes = eligible.nodes();
  slots_ = &nodes.slots(eligible.tier());
  node_hashes_.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) node_hashes_.push_back(hash(nodes[i]->key()));
}

}  // namespace weir::balancer
