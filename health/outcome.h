// How one check of a node ended.
#pragma once

#include <cstdint>

namespace weir::health {

enum class Outcome : std::uint8_t { passed, failed };

}  // namespace weir::health
