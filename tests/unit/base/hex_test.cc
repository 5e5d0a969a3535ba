// Hexadecimal digits, as ids are written.
#include "proxy/base/hex.h"

#include <string>

#include "proxy/base/trace_id.h"
#include "tests/unit/catch.h"

using namespace weir::base;

TEST_CASE("digits are of a fixed count, the highest first") {
  CHECK(hex(std::uint32_t{0x01234567}) == "01234567");
  CHECK(hex(std::uint32_t{0x89abcdef}) == "89abcdef");
  CHECK(hex(std::uint32_t{0}) == "00000000");
  CHECK(hex(SpanId{0xf}) == "000000000000000f");
  CHECK(hex(SpanId{0xfedcba9876543210}) == "fedcba9876543210");
  CHECK(hex(TraceId{1, 2}) == "00000000000000010000000000000002");
}

TEST_CASE("only an id of zero is none") {
  CHECK_FALSE(TraceId{});
  CHECK(TraceId{1, 0});
  CHECK(TraceId{0, 1});
}
