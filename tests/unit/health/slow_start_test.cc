#include "health/slow_start.h"

#include "tests/unit/catch.h"

namespace weir::health {

using namespace std::chrono_literals;

TEST_CASE("a share grows from a tenth to all of it in equal steps") {
  CHECK(slow_share(-1s, 9s) == 1);
  CHECK(slow_share(0s, 9s) == 1);
  CHECK(slow_share(999ms, 9s) == 1);
  CHECK(slow_share(1s, 9s) == 2);
  CHECK(slow_share(4500ms, 9s) == 5);
  CHECK(slow_share(8999ms, 9s) == 9);
  CHECK(slow_share(9s, 9s) == 10);
  CHECK(slow_share(1h, 9s) == 10);
}

TEST_CASE("each step is due when the share is another") {
  std::chrono::nanoseconds at = 0s;
  for (std::uint32_t share = 1; share < kWholeShare; ++share) {
    CHECK(slow_share(at, 10s) == share);
    const auto next = next_slow_step(at, 10s);
    CHECK(slow_share(next - 1ns, 10s) == share);
    at = next;
  }
  CHECK(at <= 10s);
  CHECK(slow_share(10s, 10s) == kWholeShare);
}

}  // namespace weir::health
