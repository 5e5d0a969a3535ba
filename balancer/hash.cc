#include "balancer/hash.h"

#include <array>
#include <bit>
#include <cstddef>

namespace weir::balancer {
namespace {

constexpr std::uint64_t kPrime1 = 0x9e3779b185ebca87;
constexpr std::uint64_t kPrime2 = 0xc2b2ae3d27d4eb4f;
constexpr std::uint64_t kPrime3 = 0x165667b19e3779f9;
constexpr std::uint64_t kPrime4 = 0x85ebca77c2b2ae63;
constexpr std::uint64_t kPrime5 = 0x27d4eb2f165667c5;

// Lanes are little-endian on every machine; compilers make one load of this.
std::uint64_t read(const char* at, std::size_t bytes) {
  std::uint64_t lane = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    lane |= static_cast<std::uint64_t>(static_cast<unsigned char>(at[i])) << (8 * i);
  }
  return lane;
}

std::uint64_t round(std::uint64_t accumulator, std::uint64_t lane) {
  return std::rotl(accumulator + lane * kPrime2, 31) * kPrime1;
}

// The specification's step 2: stripes of 32 bytes in four lanes, folded into one accumulator.
std::uint64_t stripes(std::string_view& text) {
  std::array<std::uint64_t, 4> lanes{kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  while (text.size() >= 32) {
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = round(lanes[i], read(text.data() + 8 * i, 8));
    text.remove_prefix(32);
  }
  std::uint64_t folded =
      std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const std::uint64_t lane : lanes) folded = (folded ^ round(0, lane)) * kPrime1 + kPrime4;
  return folded;
}

std::uint64_t avalanche(std::uint64_t h) {
  h = (h ^ (h >> 33)) * kPrime2;
  h = (h ^ (h >> 29)) * kPrime3;
  return h ^ (h >> 32);
}

}  // namespace

std::uint64_t hash(std::string_view text) {
  const std::size_t length = text.size();
  std::uint64_t h = length >= 32 ? stripes(text) : kPrime5;
  h += length;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    h = std::rotl(h ^ round(0, read(text.data(), 8)), 27) * kPrime1 + kPrime4;
  }
  if (text.size() >= 4) {
    h = std::rotl(h ^ (read(text.data(), 4) * kPrime1), 23) * kPrime2 + kPrime3;
    text.remove_prefix(4);
  }
  for (; !text.empty(); text.remove_prefix(1)) {
    h = std::rotl(h ^ (read(text.data(), 1) * kPrime5), 11) * kPrime1;
  }
  return avalanche(h);
}

}  // namespace weir::balancer
