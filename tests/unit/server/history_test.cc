#include "proxy/server/history.h"

#include "tests/unit/catch.h"

namespace weir::server {
namespace {

using State = admin::HistoryEntry::State;
using Trust = History::Trust;

History::Version version(const std::string& text) {
  return {std::make_shared<const config::Config>(), std::make_shared<const std::string>(text), text};
}

struct Told {
  Told() : history(version("a"), 1) {}
  void add(const std::string& text, Trust trust = Trust::confirmed, std::int64_t wall_ms = 2) {
    history.add(version(text), "somebody", {}, wall_ms, trust);
  }
  std::string confirmed(std::int64_t wall_ms) const {
    const History::Version* version = history.confirmed(wall_ms);
    return version != nullptr ? version->hash : "none";
  }
  std::string before() const { return history.before() != nullptr ? history.before()->hash : "none"; }
  std::vector<State> states() const {
    std::vector<State> states;
    for (const admin::HistoryEntry& entry : history.entries()) states.push_back(entry.state);
    return states;
  }
  History history;
};

}  // namespace

TEST_CASE("by hand one goes back to what was before, and says something else") {
  Told told;
  CHECK(told.before() == "none");
  told.add("b");
  CHECK(told.before() == "a");
  told.add("b");
  CHECK(told.before() == "a");
  told.add("c", Trust::in_doubt);
  CHECK(told.before() == "b");
  told.add("d", Trust::in_doubt);
  CHECK(told.before() == "c");
}

TEST_CASE("the guard goes back to what was confirmed last, or has been in force for as long as it takes") {
  Told told;
  told.add("b");
  told.add("c", Trust::in_doubt, 100);
  told.add("b", Trust::in_doubt, 200);
  CHECK(told.confirmed(99) == "b");
  CHECK(told.confirmed(100) == "c");
  told.history.confirm();
  told.add("d", Trust::in_doubt, 300);
  CHECK(told.confirmed(0) == "b");
}

TEST_CASE("nobody goes back to what was taken back") {
  Told told;
  told.add("b");
  told.add("c", Trust::in_doubt);
  told.history.reject("too few nodes");
  told.add("b");
  CHECK(told.before() == "a");
  CHECK(told.confirmed(1000) == "b");
  CHECK(told.states() == std::vector{State::confirmed, State::rolled_back, State::replaced, State::replaced});
  CHECK(told.history.entries()[1].reason == "too few nodes");
}

TEST_CASE("ten are kept, those to go back to among them") {
  Told told;
  for (int i = 0; i < 30; ++i) told.add("b", Trust::in_doubt);
  CHECK(told.before() == "a");
  CHECK(told.confirmed(0) == "a");
  CHECK(told.history.in_doubt());
  CHECK(told.states().size() == History::kMost);
  for (int i = 0; i < 30; ++i) told.add("c" + std::to_string(i));
  CHECK(told.before() == "c28");
  CHECK(told.states().size() == History::kMost);
}

TEST_CASE("of many changes the first are told") {
  Told told;
  told.history.add(version("b"), "somebody", std::vector<config::Change>(1000), 2, Trust::confirmed);
  CHECK(told.history.entries()[0].changes.size() == History::kMostChanges);
}

TEST_CASE("what one process knows goes on in the next") {
  Told told;
  told.add("b");
  told.add("c", Trust::in_doubt);
  told.history.reject("it did badly");
  told.add("d");
  const History next(version("d"), 9, told.history.past());
  CHECK(next.entries().size() == 4);
  CHECK(next.in_force().hash == "d");
  CHECK(next.entries().front().wall_ms == 2);
  CHECK_FALSE(next.in_doubt());
  REQUIRE(next.before() != nullptr);
  CHECK(next.before()->hash == "b");

  const History other(version("e"), 9, told.history.past());
  CHECK(other.entries().size() == 5);
  CHECK(other.entries().front().author == "start");
  CHECK(other.before()->hash == "d");
}

}  // namespace weir::server
