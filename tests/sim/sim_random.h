// The simulator's only source of chance: one seed gives one run, on every machine (splitmix64).
#pragma once

#include <cstdint>

namespace weir::sim {

class SimRandom {
 public:
  explicit SimRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Both ends included.
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + next() % (most - least + 1);
  }
  bool percent(unsigned chance) { return next() % 100 < chance; }

 private:
  std::uint64_t state_;
};

}  // namespace weir::sim
