#include "balancer/hash.h"

#include <array>
#include <string>

#include "balancer/rng.h"
#include "tests/unit/catch.h"

namespace weir::balancer {

TEST_CASE("hash gives XXH64's known values, at every length that takes another path") {
  CHECK(hash("") == 0xef46db3751d8e999);
  CHECK(hash("a") == 0xd24ec4f1a98c6e5b);
  CHECK(hash("abc") == 0x44bc2cf5ad770999);
  CHECK(hash("1234") == 0xd8316e61d84f6ba4);
  CHECK(hash("12345678") == 0xd2d02f08cf7cfd4a);
  CHECK(hash("0123456789abcdef0123456789abcdef") == 0x642a94958e71e6c5);
  CHECK(hash("10.0.0.1:8000") == 0x5139bb638d151dbb);
  CHECK(hash("message digest") == 0x066ed728fceeb3be);
  CHECK(hash("The quick brown fox jumps over the lazy dog") == 0x0b242d361fda71bc);
  std::string digits;
  for (int i = 0; i < 10; ++i) digits += "0123456789";
  CHECK(hash(digits) == 0xf80e7b96315afffa);
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes += static_cast<char>(i);
  CHECK(hash(all_bytes) == 0x1facbe8406cd904b);
}

TEST_CASE("a seed replays a sequence, another seed gives another") {
  Rng one(7);
  Rng same(7);
  Rng other(8);
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t drawn = one();
    CHECK(drawn == same());
    CHECK(drawn != other());
  }
}

TEST_CASE("the sequence is that of xoshiro256** with its state from SplitMix64") {
  Rng rng(7);
  CHECK(rng() == 0xb358faf74ef9765a);
  CHECK(rng() == 0x475c3d964f482cd2);
  for (int i = 2; i < 999; ++i) rng();
  CHECK(rng() == 0xd8df721ab4271195);
}

TEST_CASE("below stays below its bound and reaches every value evenly") {
  Rng rng(1);
  std::array<int, 10> counted{};
  for (int i = 0; i < 100000; ++i) ++counted[rng.below(10)];
  for (const int count : counted) {
    CHECK(count > 9500);
    CHECK(count < 10500);
  }
  CHECK(rng.below(1) == 0);
  CHECK(rng.below(0) == 0);
}

}  // namespace weir::balancer
