// A small, fast generator of random numbers: xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom
// number generators", 2018), its state filled by SplitMix64 (Steele, Lea and Flood, 2014). It is passed in by
// whoever decides something at random, never global, so that a seed replays a whole run. Not for secrets.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <limits>

namespace weir::balancer {

// A bijection of 64-bit words whose every output bit depends on every input bit (the SplitMix64 finalizer).
constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

inline constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15;  // 2^64 over the golden ratio, made odd

class Rng {
 public:
  using result_type = std::uint64_t;

  constexpr explicit Rng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) word = mix(seed += kGoldenGamma);
  }

  constexpr std::uint64_t operator()() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // A number from 0 to bound - 1 (0 where bound is 0); no value is likelier than another by more than 2^-32 *
  // bound.
  constexpr std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((*this)() >> 32) * bound >> 32);
  }

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return std::numeric_limits<std::uint64_t>::max(); }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace weir::balancer
