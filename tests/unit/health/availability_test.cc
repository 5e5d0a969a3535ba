// The health word's machine, as tables: what each series of checks makes of a node.
#include "health/availability.h"

#include <string>

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

char letter(State state) {
  return state == State::awaited ? 'a' : state == State::unchecked ? '?' : state == State::up ? 'U' : 'D';
}

// Where a node is after each of these checks: + passed, - failed, ! presumed.
std::string course(State begin, std::uint32_t fall, std::uint32_t rise, std::string_view checks) {
  Availability node(fall, rise, begin);
  std::string states;
  for (const char check : checks) {
    const State before = node.state();
    const auto transition = check == '!'   ? node.presume()
                            : check == '+' ? node.note(Outcome::passed)
                                           : node.note(Outcome::failed);
    CHECK(transition.has_value() == (before != node.state()));
    if (transition) CHECK(*transition == Transition{before, node.state()});
    states += letter(node.state());
  }
  return states;
}

}  // namespace

TEST_CASE("an awaited node comes up by its first pass and goes down by fall failures") {
  CHECK(course(State::awaited, 3, 2, "+") == "U");
  CHECK(course(State::awaited, 3, 2, "--+") == "aaU");
  CHECK(course(State::awaited, 3, 2, "---") == "aaD");
  CHECK(course(State::awaited, 1, 2, "-") == "D");
}

TEST_CASE("an awaited node that is presumed is unchecked until its verdict") {
  CHECK(course(State::awaited, 3, 2, "!+") == "?U");
  CHECK(course(State::awaited, 3, 2, "-!--") == "a??D");
  CHECK(course(State::unchecked, 2, 2, "-+") == "?U");
  CHECK(course(State::unchecked, 2, 2, "--") == "?D");
}

TEST_CASE("nothing else is presumed") {
  CHECK(course(State::up, 2, 2, "!") == "U");
  CHECK(course(State::down, 2, 2, "!") == "D");
  CHECK(course(State::unchecked, 2, 2, "!") == "?");
}

TEST_CASE("an up node goes down by fall failures in a row, no fewer") {
  CHECK(course(State::up, 3, 2, "---") == "UUD");
  CHECK(course(State::up, 3, 2, "--+--+--+") == "UUUUUUUUU");
  CHECK(course(State::up, 1, 1, "-") == "D");
  CHECK(course(State::up, 2, 2, "+-+--") == "UUUUD");
}

TEST_CASE("a down node returns by rise passes in a row, no fewer") {
  CHECK(course(State::down, 3, 2, "++") == "DU");
  CHECK(course(State::down, 3, 2, "+-+-+-") == "DDDDDD");
  CHECK(course(State::down, 3, 1, "+") == "U");
  CHECK(course(State::down, 3, 3, "++-+++") == "DDDDDU");
}

TEST_CASE("counts do not outlive a transition") {
  CHECK(course(State::up, 2, 2, "--++-+--") == "UDDUUUUD");
  CHECK(course(State::down, 2, 2, "+-++--++") == "DDDUUDDU");
}

TEST_CASE("steady is up without a failure behind it") {
  Availability node(3, 2, State::awaited);
  CHECK_FALSE(node.steady());
  node.note(Outcome::passed);
  CHECK(node.steady());
  node.note(Outcome::failed);
  CHECK_FALSE(node.steady());
  CHECK(node.failures() == 1);
  node.note(Outcome::passed);
  CHECK(node.steady());
}

}  // namespace weir::health
