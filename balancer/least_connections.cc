#include "balancer/least_connections.h"

#include <algorithm>
#include <limits>

namespace weir::balancer {
namespace {

// The stride of weight 1: divisible by every weight up to 16, so that their loads compare and their turns
// come without rounding. The clock runs over after 2^44 picks at the earliest.
constexpr std::uint32_t kWholeStride = 720720;
constexpr std::uint64_t kCatchUp = 4;  // turns
constexpr unsigned kLagBits = 22;
static_assert(kWholeStride * (kCatchUp + 1) < 1u << kLagBits);
// The usual load follows the present one by a sixteenth a pick, and is told apart by quarters of a request
// of weight 1: a node that was busy is level with others some 20 picks after it has become idle.
constexpr unsigned kFollowBits = 4;
constexpr std::uint64_t kTellsApart = kWholeStride / 4;

}  // namespace

// The lowest goes first.
struct LeastConnections::Rank {
  std::uint64_t load;  // for the weight
  std::uint64_t tie;   // the usual load in the upper bits, how far off the next turn is in the lower ones

  bool operator<(const Rank& other) const {
    return load < other.load || (load == other.load && tie < other.tie);
  }
};

// The lowest-ranked usable seat so far.
class LeastConnections::Best {
 public:
  Best(const Eligible& eligible, const PickInput& input) : eligible_(eligible), input_(input) {}

  void offer(Seat& seat, Rank rank) {
    if (!(rank < rank_) || !eligible_.usable(*seat.node) || input_.was_tried(seat.index)) return;
    rank_ = rank;
    seat_ = &seat;
  }
  Seat* seat() const { return seat_; }

 private:
  const Eligible& eligible_;
  const PickInput& input_;
  Rank rank_{std::numeric_limits<std::uint64_t>::max(), 0};
  Seat* seat_ = nullptr;
};

std::optional<std::size_t> LeastConnections::pick(const Eligible& eligible, const PickInput& input,
                                                  Rng& rng) {
  Best best(eligible, input);
  if (seats_.size() > kExact) {
    for (std::size_t i = 0; i < kSample; ++i) {
      Seat& drawn = seats_[draw_.draw(rng)];
      best.offer(drawn, rank(drawn));
    }
  }
  // Also when all that were drawn are unusable.
  if (!best.seat()) {
    for (Seat& seat : seats_) best.offer(seat, rank(seat));
  }
  Seat* const chosen = best.seat();
  if (!chosen) return std::nullopt;
  chosen->due = std::max(chosen->due, earliest(*chosen));
  clock_ = std::max(clock_, chosen->due);
  chosen->due += chosen->stride;
  return chosen->index;
}

LeastConnections::Rank LeastConnections::rank(Seat& seat) const {
  const std::uint64_t load = seat.node->in_flight() * seat.stride;
  seat.usual += (load >> kFollowBits) - (seat.usual >> kFollowBits);
  const std::uint64_t due = std::max(seat.due, earliest(seat));
  return {load, (seat.usual / kTellsApart << kLagBits) + (due + kCatchUp * kWholeStride - clock_)};
}

// A node that was too busy or was not drawn catches up on a few turns; it does not save them all up for a
// burst.
std::uint64_t LeastConnections::earliest(const Seat& seat) const {
  return clock_ - kCatchUp * seat.stride;
}

// Each node's first turn is due at a random instant, so that workers and reloads do not all begin with the
// same.
void LeastConnections::rebuild(const Eligible& eligible, Rng& rng) {
  clock_ = kCatchUp * kWholeStride;
  seats_.clear();
  std::vector<std::uint32_t> weights;
  for (const Target& target : eligible.targets()) {
    const std::uint32_t stride = kWholeStride / target.weight;
    seats_.push_back({.node = target.node,
                      .due = clock_ + rng.below(stride),
                      .stride = stride,
                      .index = target.index,
                      .usual = 0});
    weights.push_back(target.weight);
  }
  if (seats_.size() > kExact) draw_.rebuild(weights);
}

}  // namespace weir::balancer
