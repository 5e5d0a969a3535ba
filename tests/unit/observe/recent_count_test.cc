// Counts of the last ten seconds, by exact times.
#include "proxy/observe/recent_count.h"

#include <chrono>

#include "tests/unit/catch.h"

using namespace weir;
using namespace std::chrono_literals;
using observe::RecentCount;

namespace {

constexpr base::Time kBegin{1h};

}  // namespace

TEST_CASE("what happened in the last ten seconds is counted, and nothing before") {
  RecentCount count;
  CHECK(count.recent(kBegin) == 0);
  for (int second = 0; second < 40; ++second)
    for (int i = 0; i <= second; ++i) count.add(kBegin + second * 1s + i * 1ms);
  // Ten whole seconds, and the present one.
  CHECK(count.recent(kBegin + 39s + 500ms) == (30 + 40) * 11 / 2);
  CHECK(count.recent(kBegin + 44s) == (35 + 40) * 6 / 2);
  CHECK(count.recent(kBegin + 49s) == 40);
  CHECK(count.recent(kBegin + 50s) == 0);
  CHECK(count.total() == 40 * 41 / 2);
}

TEST_CASE("after a silence of any length it begins anew") {
  RecentCount count;
  count.add(kBegin);
  count.add(kBegin + 16s);  // in the same cell
  CHECK(count.recent(kBegin + 16s) == 1);
  count.add(kBegin + 1000h);
  CHECK(count.recent(kBegin + 1000h) == 1);
}

TEST_CASE("a thread whose time is a little behind counts what another has counted") {
  RecentCount count;
  count.add(kBegin + 1s);
  CHECK(count.recent(kBegin + 999ms) == 1);
}
