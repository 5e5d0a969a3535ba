// What a range of seeds came to: requests, faults by kind, and how often each cell of the exchanges' table
// was reached. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/sim/trial.h"

namespace weir::sim {

class TrialTotals {
 public:
  static constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

  TrialTotals();
  void add(std::uint64_t seed, const TrialResult& result);
  // The least seed that failed; kNone if none did.
  std::uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }

  // One line; what it all took, in seconds, and of the processor's time.
  std::string text(double seconds, double processor) const;
  // The cells with their counts, a line each.
  std::string cells_text() const;
  // Names of the cells that nothing reached, or that cannot be reached and were.
  std::vector<std::string> wrong_cells() const;
  std::vector<std::string> unseen_faults() const;  // kinds that never struck
  std::uint64_t at_atomics() const { return at_atomics_; }

 private:
  template <class F>
  void each_cell(F&& f) const;

  mutable std::mutex mutex_;
  std::uint64_t seeds_ = 0, requests_ = 0, answered_ = 0, at_atomics_ = 0;
  std::map<std::string, std::uint64_t> faults_;
  TrialCells cells_{};
  std::atomic<std::uint64_t> failed_{kNone};
};

}  // namespace weir::sim
