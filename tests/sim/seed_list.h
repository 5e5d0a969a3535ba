// The seeds of a run: those that a file keeps, then a range. The range is counted through, never stored, so
// that it may be as long as anybody has patience for. Not changed once it is made, so any thread may read it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sim {

// Digits alone, up to 2^63 - 1: a count of seeds is a number like them.
std::optional<std::uint64_t> parse_seed(std::string_view text);

struct SeedRange {
  std::uint64_t first = 1, last = 1'000;
};

// A..B, or a single seed.
std::optional<SeedRange> parse_seed_range(std::string_view text);

class SeedList {
 public:
  SeedList(std::vector<std::uint64_t> kept, SeedRange range) : kept_(std::move(kept)), range_(range) {}

  std::uint64_t count() const { return kept_.size() + (range_.last - range_.first + 1); }
  std::uint64_t at(std::uint64_t index) const {
    return index < kept_.size() ? kept_[index] : range_.first + (index - kept_.size());
  }

 private:
  std::vector<std::uint64_t> kept_;
  SeedRange range_;
};

// The first word of each line that is a seed; none where the file cannot be read.
std::vector<std::uint64_t> read_seeds(const std::string& path);

}  // namespace weir::sim
