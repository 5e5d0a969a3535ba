#include "balancer/least_connections.h"

#include <algorithm>
#include <limits>

namespace weir::balancer {
namespace {

// The time between two turns of a node of weight 1. Large enough for exact shares of weights up to 1000,
// small enough that the clock does not run over: 2^44 picks of one such node.
constexpr std::uint64_t kStride = 1 << 20;

}  // namespace

// The best position so far. Loads are compared as fractions, in flight over weight, multiplied out.
class LeastConnections::Best {
 public:
  explicit Best(const PickInput& input) : input_(input) {}

  void offer(const Target& target, std::uint32_t position, std::uint64_t due) {
    const std::uint64_t load = target.node->in_flight();
    const std::uint64_t mine = load * weight_;
    const std::uint64_t theirs = load_ * target.weight;
    if (mine > theirs || (mine == theirs && due >= due_)) return;
    if (!target.node->eligible() || input_.was_tried(target.index)) return;
    load_ = load;
    weight_ = target.weight;
    due_ = due;
    position_ = position;
  }

  bool found() const { return position_ != kNone; }
  std::uint32_t position() const { return position_; }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  const PickInput& input_;
  std::uint64_t load_ = std::uint64_t{1} << 40;  // more than any node has in flight
  std::uint64_t weight_ = 1;
  std::uint64_t due_ = 0;
  std::uint32_t position_ = kNone;
};

std::optional<std::size_t> LeastConnections::pick(const Eligible& eligible, const PickInput& input,
                                                  Rng& rng) {
  const std::size_t size = eligible.targets().size();
  Best best(input);
  if (size > kExact) {
    for (std::size_t i = 0; i < kSample; ++i) compare(best, eligible, draw_.draw(rng));
  }
  // Also when all that were drawn are unusable.
  if (!best.found()) {
    for (std::uint32_t i = 0; i < size; ++i) compare(best, eligible, i);
  }
  return take(best, eligible);
}

void LeastConnections::compare(Best& best, const Eligible& eligible, std::uint32_t position) const {
  best.offer(eligible.targets()[position], position, due_[position]);
}

// A node that was long too busy for a turn does not save its turns up: none is due before the clock.
std::optional<std::size_t> LeastConnections::take(const Best& best, const Eligible& eligible) {
  if (!best.found()) return std::nullopt;
  const Target& target = eligible.targets()[best.position()];
  std::uint64_t& due = due_[best.position()];
  clock_ = std::max(clock_, due);
  due = clock_ + kStride / target.weight;
  return target.index;
}

// Each node's first turn is due at a random instant, so that workers and reloads do not all begin with the
// same.
void LeastConnections::rebuild(const Eligible& eligible, Rng& rng) {
  clock_ = 0;
  due_.clear();
  std::vector<std::uint32_t> weights;
  for (const Target& target : eligible.targets()) {
    due_.push_back(rng.below(static_cast<std::uint32_t>(kStride / target.weight)));
    weights.push_back(target.weight);
  }
  if (weights.size() > kExact) draw_.rebuild(weights);
}

}  // namespace weir::balancer
