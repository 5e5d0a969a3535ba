// The list of strategies by the names that the configuration uses. A new one is a file pair, a line in the
// table of strategies.cc, a test, and a line in docs/balancing.md.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "balancer/strategy.h"

namespace weir::balancer {

// In the order in which messages list them; the first is the default.
std::span<const std::string_view> strategy_names();

// Whether the strategy looks at PickInput::hash, so that making a request's key is not in vain.
bool takes_key(std::string_view name);

// Null if no strategy has this name.
std::unique_ptr<Strategy> make_strategy(std::string_view name);

}  // namespace weir::balancer
