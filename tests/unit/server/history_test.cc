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
  void add(const std::string& text, Trust trust = Trust::confirmed) {
    history.add(version(text), "somebody", {}, 2, trust);
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

TEST_CASE("one goes back to what was confirmed last, and says something else") {
  Told told;
  CHECK(told.before() == "none");
  told.add("b");
  CHECK(told.before() == "a");
  told.add("b");
  CHECK(told.before() == "a");
  told.add("c", Trust::in_doubt);
  CHECK(told.before() == "b");
  told.add("d", Trust::in_doubt);
  CHECK(told.before() == "b");
  told.history.confirm();
  told.add("e");
  CHECK(told.before() == "d");
}

TEST_CASE("nobody goes back to what was taken back") {
  Told told;
  told.add("b");
  told.add("c", Trust::in_doubt);
  told.history.reject("too few nodes");
  told.add("b");
  CHECK(told.before() == "a");
  CHECK(told.states() == std::vector{State::confirmed, State::rolled_back, State::replaced, State::replaced});
  CHECK(told.history.entries()[1].reason == "too few nodes");
}

TEST_CASE("ten are kept, the one to go back to among them") {
  Told told;
  for (int i = 0; i < 30; ++i) told.add("b", Trust::in_doubt);
  CHECK(told.before() == "a");
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

}  // namespace weir::server
