// While one of these lives, OpenSSL's random bytes on this thread come from its seed, so that a trial that
// speaks TLS is the same each time; afterwards from whoever gave them before. Other threads have their own.
// Certificates have keys whose signatures are always as long, so that of all that OpenSSL reads of the real
// clock nothing changes a trial's course.
#pragma once

#include <cstdint>

#include "tests/sim/sim_random.h"

namespace weir::sim {

class TrialChance {
 public:
  explicit TrialChance(std::uint64_t seed);
  ~TrialChance();
  TrialChance(const TrialChance&) = delete;
  TrialChance& operator=(const TrialChance&) = delete;

 private:
  SimRandom random_;
  SimRandom* const before_;
};

}  // namespace weir::sim
