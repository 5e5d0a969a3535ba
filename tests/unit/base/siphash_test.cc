#include "proxy/base/siphash.h"

#include <string>

#include "tests/unit/catch.h"

using weir::base::SipHash;

// The key 00 01 ... 0f and the texts "", 00, 00 01, ... of the paper's appendix; the values are those of
// SipHash-1-3 as CPython, Rust and Ruby have them.
TEST_CASE("texts of every length below a word and beyond hash apart, and the same again") {
  const SipHash hash(0x0706050403020100, 0x0f0e0d0c0b0a0908);
  CHECK(hash("") == 0xabac0158050fc4dc);
  std::string text;
  std::uint64_t before = hash(text);
  for (int i = 0; i < 64; ++i) {
    text += static_cast<char>(i);
    const std::uint64_t now = hash(text);
    CHECK(now != before);
    CHECK(now == hash(text));
    before = now;
  }
}

TEST_CASE("zeros at the end count") {
  const SipHash hash(1, 2);
  CHECK(hash(std::string(1, '\0')) != hash(std::string(2, '\0')));
  CHECK(hash(std::string(8, '\0')) != hash(""));
}

TEST_CASE("another key makes other hashes") {
  CHECK(SipHash(1, 2)("a") != SipHash(1, 3)("a"));
  CHECK(SipHash(1, 2)("a") != SipHash(2, 2)("a"));
}
