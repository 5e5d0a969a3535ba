// SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012): a hash under a secret key, for
// tables whose keys come from outside. Without the key nobody can choose texts that collide.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace weir::base {

class SipHash {
 public:
  SipHash(std::uint64_t k0, std::uint64_t k1) : k0_(k0), k1_(k1) {}

  std::uint64_t operator()(std::string_view text) const {
    State v{k0_ ^ 0x736f6d6570736575, k1_ ^ 0x646f72616e646f6d, k0_ ^ 0x6c7967656e657261,
            k1_ ^ 0x7465646279746573};
    const std::uint64_t size = text.size();
    for (; text.size() >= 8; text.remove_prefix(8)) v.take(word(text));
    v.take(size << 56 | word(text));
    v.c ^= 0xff;
    v.round(), v.round(), v.round();
    return v.a ^ v.b ^ v.c ^ v.d;
  }

 private:
  struct State {
    std::uint64_t a, b, c, d;

    void round() {
      a += b, b = turned(b, 13) ^ a, a = turned(a, 32);
      c += d, d = turned(d, 16) ^ c;
      a += d, d = turned(d, 21) ^ a;
      c += b, b = turned(b, 17) ^ c, c = turned(c, 32);
    }
    void take(std::uint64_t word) {
      d ^= word;
      round();
      a ^= word;
    }
    static std::uint64_t turned(std::uint64_t x, int by) { return x << by | x >> (64 - by); }
  };

  // The first eight bytes, little endian; fewer are filled up with zeros.
  static std::uint64_t word(std::string_view text) {
    unsigned char bytes[8] = {};
    std::memcpy(bytes, text.data(), text.size() < 8 ? text.size() : 8);
    std::uint64_t word = 0;
    for (int i = 7; i >= 0; --i) word = word << 8 | bytes[i];
    return word;
  }

  std::uint64_t k0_, k1_;
};

}  // namespace weir::base
