#include "health/availability.h"

#include <utility>

namespace weir::health {

std::optional<Transition> Availability::note(Outcome outcome) {
  if (outcome == Outcome::passed) {
    failures_.interrupt();
    if (state_ == State::up) return std::nullopt;
    if (state_ == State::down && !passes_.reached_by_one_more()) return std::nullopt;
    return go(State::up);
  }
  passes_.interrupt();
  if (state_ == State::down || !failures_.reached_by_one_more()) return std::nullopt;
  return go(State::down);
}

std::optional<Transition> Availability::presume() {
  if (state_ != State::awaited) return std::nullopt;
  return go(State::unchecked);
}

Transition Availability::go(State to) {
  return {std::exchange(state_, to), to};
}

}  // namespace weir::health
