// Randomness for those that draw.
#pragma once

#include <cstdint>
#include <random>

namespace weir::server {

inline std::uint64_t fresh_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace weir::server
