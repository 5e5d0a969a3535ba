#include "balancer/slot_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "balancer/hash.h"
#include "balancer/rng.h"

namespace weir::balancer {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
// How fast a walk goes. In a race of uniform steps a node of weight 3 would beat one of weight 1 in five
// slots of six; shares follow the weights if each slot is reached after an exponentially distributed time,
// that is, if the step that leaves m slots unvisited takes 1/m. That is kept to within blocks of steps.
constexpr unsigned kBlockBits = 10;
constexpr std::uint64_t kStep = 1 << 20;  // the first step's time for a pace of 1
constexpr std::uint64_t kPace = 1 << 22;  // the pace of weight 1; a whole walk of it takes less than 2^63

constexpr auto kStepTimes = [] {
  std::array<std::uint64_t, (SlotTable::kSlots >> kBlockBits)> times{};
  for (std::uint64_t block = 0; block < times.size(); ++block) {
    const std::uint64_t visited = (2 * block + 1) << (kBlockBits - 1);  // in the middle of the block
    times[block] = kStep * SlotTable::kSlots / (SlotTable::kSlots - visited);
  }
  return times;
}();

// One node on its way over the slots: at which slot it is after each step, and when.
class Walker {
 public:
  Walker(std::uint32_t index, std::uint64_t seed, std::uint32_t weight)
      : index_(index),
        start_(static_cast<std::uint32_t>(mix(seed + kGoldenGamma))),
        factor1_(static_cast<std::uint32_t>(mix(seed + 2 * kGoldenGamma)) | 1),
        factor2_(static_cast<std::uint32_t>(mix(seed + 3 * kGoldenGamma)) | 1),
        stride_(kPace / weight),
        time_(mix(seed + 4 * kGoldenGamma) % kStep * stride_) {}

  std::uint32_t index() const { return index_; }
  std::uint64_t time() const { return time_; }

  // A bijection of step numbers: odd factors and right shifts lose nothing modulo a power of two, so that a
  // walk of kSlots steps visits every slot once.
  std::uint32_t slot() const {
    std::uint32_t x = (step_ + start_) & kMask;
    x = (x * factor1_) & kMask;
    x = ((x ^ (x >> kHalf)) * factor2_) & kMask;
    x = ((x ^ (x >> kHalf)) * factor1_) & kMask;
    return x ^ (x >> kHalf);
  }

  void advance() {
    time_ += kStepTimes[step_ >> kBlockBits] * stride_;
    if (++step_ == SlotTable::kSlots) time_ = kNever;
  }

 private:
  static constexpr std::uint32_t kMask = SlotTable::kSlots - 1;
  static constexpr unsigned kHalf = SlotTable::kBits / 2;

  std::uint32_t index_;
  std::uint32_t step_ = 0;
  std::uint32_t start_;
  std::uint32_t factor1_;
  std::uint32_t factor2_;
  std::uint64_t stride_;
  std::uint64_t time_;
};

// Walkers ordered by key, so that the table does not depend on the order of the claimants even where two
// arrive at the same instant. Claimants of the same key get walks of their own and share its part.
std::vector<Walker> walkers(std::span<const SlotTable::Claimant> claimants) {
  std::vector<std::uint32_t> order(claimants.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::tie(claimants[a].key, claimants[a].weight, a) <
           std::tie(claimants[b].key, claimants[b].weight, b);
  });
  std::vector<Walker> made;
  made.reserve(order.size());
  std::uint64_t repeated = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const SlotTable::Claimant& claimant = claimants[order[i]];
    repeated = i > 0 && claimants[order[i - 1]].key == claimant.key ? repeated + 1 : 0;
    made.emplace_back(order[i], mix(hash(claimant.key) + repeated), claimant.weight);
  }
  return made;
}

// The race over the slots, run in rounds of time. Only within a round does it matter who came when; slots
// taken in earlier rounds are passed over by a look at one bit.
class Race {
 public:
  Race(std::vector<std::uint32_t>& owners, std::vector<Walker> walkers)
      : owners_(owners),
        walkers_(std::move(walkers)),
        taken_at_(SlotTable::kSlots, kNever),
        closed_(SlotTable::kSlots / 64) {
    fresh_.reserve(SlotTable::kSlots);
  }

  void run(std::uint64_t round) {
    for (std::uint64_t end = round; open_ > 0; end += round) {
      for (Walker& walker : walkers_) {
        for (; walker.time() < end; walker.advance()) arrive(walker);
      }
      for (const std::uint32_t slot : fresh_) closed_[slot / 64] |= std::uint64_t{1} << (slot % 64);
      open_ -= fresh_.size();
      fresh_.clear();
    }
  }

 private:
  void arrive(const Walker& walker) {
    const std::uint32_t slot = walker.slot();
    if ((closed_[slot / 64] >> (slot % 64) & 1) != 0 || taken_at_[slot] <= walker.time()) return;
    if (taken_at_[slot] == kNever) fresh_.push_back(slot);
    taken_at_[slot] = walker.time();
    owners_[slot] = walker.index();
  }

  std::vector<std::uint32_t>& owners_;
  std::vector<Walker> walkers_;
  std::vector<std::uint64_t> taken_at_;
  std::vector<std::uint64_t> closed_;
  std::vector<std::uint32_t> fresh_;
  std::size_t open_ = SlotTable::kSlots;
};

}  // namespace

SlotTable::SlotTable(std::span<const Claimant> claimants, std::span<const std::uint32_t> names) {
  if (claimants.empty()) return;
  owners_.resize(kSlots);
  std::uint64_t speed = 0;
  for (const Claimant& claimant : claimants) speed += claimant.weight;
  // A round's length, about kSlots / 8 steps, decides only how long building takes.
  const std::uint64_t round = std::max<std::uint64_t>(kSlots / 8 * kStep * kPace / speed, 1);
  Race(owners_, walkers(claimants)).run(round);
  if (names.empty()) return;
  for (std::uint32_t& owner : owners_) owner = names[owner];
}

}  // namespace weir::balancer
