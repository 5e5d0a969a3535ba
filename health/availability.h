// Whether checks allow a node to take requests: the state machine behind the health word. It is told how
// each check ended and answers with the transition that follows, if one does; carrying it out is the
// caller's. It reads no clock. A plain value.
//
//   state      | passed                  | failed               | may take requests
//   -----------+-------------------------+----------------------+------------------
//   awaited    | up                      | down after `fall`    | no: it waits for its first pass
//   unchecked  | up                      | down after `fall`    | yes: there is no verdict yet
//   up         |                         | down after `fall`    | yes
//   down       | up after `rise`         |                      | no
//
// `fall` and `rise` count in a row: a pass among failures begins the count anew, and so does a failure among
// passes.
#pragma once

#include <optional>

#include "health/outcome.h"
#include "health/threshold.h"

namespace weir::health {

enum class State : std::uint8_t { awaited, unchecked, up, down };

struct Transition {
  State from;
  State to;
  friend bool operator==(const Transition&, const Transition&) = default;
};

class Availability {
 public:
  Availability(std::uint32_t fall, std::uint32_t rise, State begin)
      : failures_(fall), passes_(rise), state_(begin) {}

  State state() const { return state_; }
  std::optional<Transition> note(Outcome outcome);
  // No longer kept waiting for its first pass: an awaited node becomes unchecked.
  std::optional<Transition> presume();
  // Failures in a row that have not made it go down, so far.
  std::uint32_t failures() const { return failures_.seen(); }
  // Up, and its latest check passed.
  bool steady() const { return state_ == State::up && failures_.seen() == 0; }

 private:
  Transition go(State to);

  Threshold failures_;
  Threshold passes_;
  State state_;
};

}  // namespace weir::health
