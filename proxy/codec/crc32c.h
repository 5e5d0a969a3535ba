// CRC-32C (Castagnoli; RFC 3720 B.4), bit by bit of a table of sixteen: for headers of a few dozen bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::codec {

// Goes on from `crc`, which is 0 at first.
inline std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0) {
  static constexpr auto kSteps = [] {
    std::array<std::uint32_t, 16> steps{};
    for (std::uint32_t i = 0; i < steps.size(); ++i) {
      std::uint32_t step = i;
      for (int bit = 0; bit < 4; ++bit) step = (step >> 1) ^ ((step & 1) != 0 ? 0x82f63b78U : 0U);
      steps[i] = step;
    }
    return steps;
  }();
  crc = ~crc;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    crc = (crc >> 4) ^ kSteps[crc & 15];
    crc = (crc >> 4) ^ kSteps[crc & 15];
  }
  return ~crc;
}

}  // namespace weir::codec
