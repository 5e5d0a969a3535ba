// Numbers as hexadecimal digits of a fixed count, lower case, the highest digit first: for ids.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace weir::base {

// Eight digits at once: a nibble to each byte, then each byte to its digit. Returns where they end.
inline char* put_hex(char* to, std::uint32_t number) {
  std::uint64_t x = number;
  x = (x | x << 16) & 0x0000ffff0000ffff;
  x = (x | x << 8) & 0x00ff00ff00ff00ff;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
  const std::uint64_t letters =
      (x + 0x0606060606060606) >> 4 & 0x0101010101010101;  // 1 where the nibble is over 9
  x += 0x3030303030303030 + letters * ('a' - '0' - 10);
  if constexpr (std::endian::native == std::endian::little) x = std::byteswap(x);
  std::memcpy(to, &x, 8);
  return to + 8;
}

// Sixteen digits.
inline char* put_hex(char* to, std::uint64_t number) {
  to = put_hex(to, static_cast<std::uint32_t>(number >> 32));
  return put_hex(to, static_cast<std::uint32_t>(number));
}

}  // namespace weir::base
