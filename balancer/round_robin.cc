#include "balancer/round_robin.h"

#include <algorithm>

namespace weir::balancer {
namespace {

__extension__ using Wide = unsigned __int128;  // a product of two sums of weights

}  // namespace

std::optional<std::size_t> RoundRobin::pick(const Eligible& eligible, const PickInput& input, Rng&) {
  if (classes_.empty()) return std::nullopt;
  const auto member = turn_of(classes_.front(), eligible, input);
  if (!member) return pick_beyond_first(eligible, input);
  const std::size_t node = take(classes_.front(), *member, eligible);
  if (classes_.size() > 1) {
    std::pop_heap(classes_.begin(), classes_.end(), later);
    std::push_heap(classes_.begin(), classes_.end(), later);
  }
  return node;
}

// All nodes of the class that is due were tried, or went down since the refresh: the earliest due among the
// other classes is chosen, and the first keeps its turn.
std::optional<std::size_t> RoundRobin::pick_beyond_first(const Eligible& eligible, const PickInput& input) {
  WeightClass* best = nullptr;
  std::uint32_t member = 0;
  for (WeightClass& candidate : classes_) {
    if (best && later(candidate, *best)) continue;
    if (const auto found = turn_of(candidate, eligible, input)) {
      best = &candidate;
      member = *found;
    }
  }
  if (!best) return std::nullopt;
  const std::size_t node = take(*best, member, eligible);
  std::make_heap(classes_.begin(), classes_.end(), later);
  return node;
}

// The first usable member from the cursor on, by its offset in the class.
std::optional<std::uint32_t> RoundRobin::turn_of(const WeightClass& of, const Eligible& eligible,
                                                 const PickInput& input) const {
  const auto targets = eligible.targets();
  for (std::uint32_t step = 0, at = of.cursor; step < of.size; ++step, at = at + 1 == of.size ? 0 : at + 1) {
    const Target& target = targets[members_[of.first + at]];
    if (eligible.usable(*target.node) && !input.was_tried(target.index)) return at;
  }
  return std::nullopt;
}

// Members between the cursor and the chosen one lose their turn if they are unusable. A tried one's is put
// off: it changes places with the chosen one, so that retries hardly skew the shares.
std::size_t RoundRobin::take(WeightClass& from, std::uint32_t member, const Eligible& eligible) {
  const auto targets = eligible.targets();
  const auto members = members_.begin() + from.first;
  const auto next = [&](std::uint32_t at) { return at + 1 == from.size ? 0 : at + 1; };
  while (from.cursor != member && !eligible.usable(*targets[members[from.cursor]].node)) {
    from.cursor = next(from.cursor);
  }
  std::swap(members[from.cursor], members[member]);
  const std::size_t node = targets[members[from.cursor]].index;
  from.cursor = next(from.cursor);
  advance(from);
  return node;
}

void RoundRobin::advance(WeightClass& taken) {
  if (++taken.turn == taken.turns) {
    taken.turn = 0;
    ++taken.cycle;
  }
}

// By the instant at which the next turn is due, (turn + 1/2) / turns into the cycle, multiplied out; at the
// same instant the class with more turns goes first.
bool RoundRobin::later(const WeightClass& a, const WeightClass& b) {
  if (a.cycle != b.cycle) return a.cycle > b.cycle;
  const Wide left = Wide{2 * a.turn + 1} * b.turns;
  const Wide right = Wide{2 * b.turn + 1} * a.turns;
  return left != right ? left > right : precedes(b, a);
}

void RoundRobin::rebuild(const Eligible& eligible, Rng& rng) {
  const auto targets = eligible.targets();
  members_.resize(targets.size());
  for (std::uint32_t i = 0; i < members_.size(); ++i) members_[i] = i;
  std::sort(members_.begin(), members_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return targets[a].weight != targets[b].weight ? targets[a].weight < targets[b].weight : a < b;
  });
  classes_.clear();
  for (std::uint32_t first = 0; first < members_.size();) {
    const std::uint32_t weight = targets[members_[first]].weight;
    std::uint32_t size = 1;
    while (first + size < members_.size() && targets[members_[first + size]].weight == weight) ++size;
    classes_.push_back({.first = first,
                        .size = size,
                        .cursor = 0,
                        .turns = std::uint64_t{size} * weight,
                        .turn = 0,
                        .cycle = 0});
    first += size;
  }
  start(rng);
  std::make_heap(classes_.begin(), classes_.end(), later);
}

// Draws one of the cycle's turns, each as likely as any other, and counts for every class the turns that come
// before it as taken. So the picks of many short-lived workers are shared by weight too.
void RoundRobin::start(Rng& rng) {
  std::uint64_t cycle = 0;
  for (const WeightClass& one : classes_) cycle += one.turns;
  if (cycle == 0) return;
  auto turn = static_cast<std::uint64_t>(Wide{rng()} * cycle >> 64);
  auto drawn = classes_.begin();
  for (; turn >= drawn->turns; ++drawn) turn -= drawn->turns;
  const WeightClass from = *drawn;
  for (WeightClass& one : classes_) {
    const Wide before = Wide{2 * turn + 1} * one.turns + from.turns - (precedes(one, from) ? 0 : 1);
    one.turn = static_cast<std::uint64_t>(before / (Wide{2} * from.turns));
    one.cycle = one.turn == one.turns ? 1 : 0;
    if (one.cycle == 1) one.turn = 0;
    one.cursor = rng.below(one.size);
  }
}

// Who goes first of two classes whose turns are due at the same instant. Any order will do, if it never
// changes.
bool RoundRobin::precedes(const WeightClass& a, const WeightClass& b) {
  return a.turns != b.turns ? a.turns > b.turns : a.first < b.first;
}

}  // namespace weir::balancer
