#include "proxy/core/line_budget.h"

#include "tests/unit/catch.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

std::uint32_t admitted(LineBudget& budget, base::Time now) {
  std::uint32_t count = 0;
  for (int i = 0; i < 200; ++i) count += budget.admit(now);
  return count;
}

}  // namespace

TEST_CASE("so many lines a second are written, in each second") {
  LineBudget budget("things happened", base::LogLevel::debug);
  const base::Time begin(1h);
  CHECK(admitted(budget, begin) == LineBudget::kMost);
  CHECK(admitted(budget, begin + 999ms) == 0);
  CHECK(admitted(budget, begin + 1s) == LineBudget::kMost);
  CHECK(admitted(budget, begin + 1999ms) == 0);
}

}  // namespace weir::core
