// Numbers that nobody outside knows, from the system.
#pragma once

#include <cstdint>
#include <random>

namespace weir::core {

inline std::uint64_t draw_secret() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace weir::core
