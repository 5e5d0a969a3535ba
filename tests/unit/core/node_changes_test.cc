// Changes of nodes' words go to the workers at once, and then together.
#include "proxy/core/node_changes.h"

#include <chrono>
#include <vector>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {

using namespace std::chrono_literals;

TEST_CASE("the first change is told at the end of its turn, those that follow soon in one batch") {
  StillRuntime runtime;
  NodeTable table{1};
  const auto node = table.get("app", *io::Address::parse("127.0.0.1:1"), 1);
  std::vector<std::size_t> told;
  NodeChangeBatch batch(runtime, [&](const std::shared_ptr<const NodeChanges>& changes) {
    CHECK(changes->pools.contains("app"));
    told.push_back(changes->endpoints.size());
  });
  const auto change = [&] {
    batch.note("app", node);
    runtime.end_turn();
  };
  change();
  CHECK(told == std::vector<std::size_t>{1});
  change();
  change();
  CHECK(told.size() == 1);
  runtime.pass(NodeChangeBatch::kPause + 10ms);
  CHECK(told == std::vector<std::size_t>{1, 2});
  change();
  CHECK(told.size() == 2);  // the pause begins anew with each batch
  runtime.pass(NodeChangeBatch::kPause + 10ms);
  runtime.pass(1s);
  CHECK(told == std::vector<std::size_t>{1, 2, 1});
  change();
  CHECK(told.size() == 4);
}

}  // namespace weir::core
