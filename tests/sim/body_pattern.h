// The bytes of a body, by its stream and their place in it: whoever receives them can tell that they are the
// right ones, in order and not from another body, without keeping any.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tests/sim/sim_random.h"

namespace weir::sim {

class BodyPattern {
 public:
  // `stream`: no two bodies of a run have the same. Where its bytes begin is as good as drawn, so that two of
  // them share a place once in kSize pairs.
  static void append(std::string& to, std::uint64_t stream, std::uint64_t from, std::size_t size) {
    while (size > 0) {
      const std::string_view piece = at(stream, from).substr(0, size);
      to.append(piece);
      from += piece.size();
      size -= piece.size();
    }
  }
  static bool matches(std::string_view bytes, std::uint64_t stream, std::uint64_t from) {
    while (!bytes.empty()) {
      const std::string_view piece = at(stream, from).substr(0, bytes.size());
      if (std::memcmp(piece.data(), bytes.data(), piece.size()) != 0) return false;
      from += piece.size();
      bytes.remove_prefix(piece.size());
    }
    return true;
  }

 private:
  static constexpr std::size_t kSize = 65'521;  // a prime, so that no buffer's size hides a jump

  // What stands there, up to where the pattern begins again.
  static std::string_view at(std::uint64_t stream, std::uint64_t from) {
    static const std::array<char, kSize> kBytes = [] {
      std::array<char, kSize> made{};
      SimRandom random(1);
      for (char& byte : made) byte = static_cast<char>(random.next());
      return made;
    }();
    const std::size_t place = (SimRandom(stream).next() + from) % kSize;
    return {kBytes.data() + place, kSize - place};
  }
};

}  // namespace weir::sim
