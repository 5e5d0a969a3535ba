// Copying text to where it is being written. Heads are made of short pieces, for which a call of memcpy costs
// more than the copying.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace weir::base {

namespace detail {
// From kSize to twice as many bytes: the first kSize and the last, which may overlap.
template <std::size_t kSize>
inline void copy_ends(char* to, const char* from, std::size_t size) {
  char first[kSize], last[kSize];
  std::memcpy(first, from, kSize);
  std::memcpy(last, from + size - kSize, kSize);
  std::memcpy(to, first, kSize);
  std::memcpy(to + size - kSize, last, kSize);
}
}  // namespace detail

// Copies `text` to `to`, which lies elsewhere, and returns where it ends there.
inline char* put(char* to, std::string_view text) {
  const std::size_t size = text.size();
  if (size > 32) {
    std::memcpy(to, text.data(), size);
  } else if (size >= 16) {
    detail::copy_ends<16>(to, text.data(), size);
  } else if (size >= 8) {
    detail::copy_ends<8>(to, text.data(), size);
  } else if (size >= 4) {
    detail::copy_ends<4>(to, text.data(), size);
  } else {
    for (std::size_t at = 0; at < size; ++at) to[at] = text[at];
  }
  return to + size;
}

}  // namespace weir::base
