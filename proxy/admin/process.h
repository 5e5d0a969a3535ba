// What the kernel says of this process. Any thread; reads /proc.
#pragma once

#include <cstdint>

namespace weir::admin {

struct ProcessFigures {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  double cpu_seconds = 0;
  std::uint64_t open_descriptors = 0;
  std::uint64_t most_descriptors = 0;
  std::uint64_t threads = 0;
};

// Figures that cannot be read stay zero.
ProcessFigures process_figures();

}  // namespace weir::admin
