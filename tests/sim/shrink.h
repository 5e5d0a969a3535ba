// Makes a failing trial small: what can be left out while it still fails, is.
#pragma once

#include "tests/sim/trial_plan.h"

namespace weir::sim {

// `plan` fails; so does the result, with at most `most` trials spent.
TrialPlan shrink(TrialPlan plan, int most = 600);

}  // namespace weir::sim
