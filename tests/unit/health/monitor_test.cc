// Availability and schedule together: the waits that each series of checks brings, without jitter.
#include "health/monitor.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

namespace weir::health {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kHalf = std::uint64_t{1} << 63;

// The waits, in milliseconds, after each of these checks: + passed, - failed.
std::vector<long> waits(State begin, std::string_view checks) {
  Monitor node({{2s, 400ms, 0}, 3, 2}, begin);
  std::vector<long> all;
  for (const char check : checks) {
    const auto step = node.note(check == '+' ? Outcome::passed : Outcome::failed, kHalf);
    all.push_back(step.wait / 1ms);
  }
  return all;
}

using Waits = std::vector<long>;

}  // namespace

TEST_CASE("a new node: a random phase, then the interval") {
  CHECK(waits(State::awaited, "+++") == Waits{1000, 2000, 2000});
}

TEST_CASE("a new node that fails goes on fast, from a random phase, and is no less new for it") {
  CHECK(waits(State::awaited, "-----") == Waits{200, 400, 400, 400, 400});
  CHECK(waits(State::awaited, "--++") == Waits{200, 400, 1000, 2000});
}

TEST_CASE("a failure is followed at once, then fast until down, and fast while down") {
  CHECK(waits(State::awaited, "+----") == Waits{1000, 0, 400, 400, 400});
}

TEST_CASE("a pass among failures makes a node steady again") {
  CHECK(waits(State::awaited, "+-+-+") == Waits{1000, 0, 2000, 0, 2000});
}

TEST_CASE("a down node collects its passes fast, and then begins a phase of its own") {
  CHECK(waits(State::down, "-++++") == Waits{200, 400, 1000, 2000, 2000});
  CHECK(waits(State::down, "-+-++") == Waits{200, 400, 400, 400, 1000});
}

TEST_CASE("a step carries its transition") {
  Monitor node({{2s, 400ms, 0}, 2, 1}, State::awaited);
  CHECK(node.note(Outcome::passed, 0).transition == Transition{State::awaited, State::up});
  CHECK_FALSE(node.note(Outcome::failed, 0).transition);
  CHECK(node.failures() == 1);
  CHECK(node.note(Outcome::failed, 0).transition == Transition{State::up, State::down});
  CHECK(node.note(Outcome::passed, 0).transition == Transition{State::down, State::up});
  CHECK_FALSE(node.presume());
}

}  // namespace weir::health
