// Makes a failing trial small: what can be left out while it still fails, is.
#pragma once

#include <string_view>

#include "tests/sim/trial_plan.h"

namespace weir::sim {

// `plan` fails by this violation; the result does by one of the same kind, with at most `most` trials spent.
TrialPlan shrink(TrialPlan plan, std::string_view violation, int most = 600);

}  // namespace weir::sim
