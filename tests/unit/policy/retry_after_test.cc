// When a node asks to come again.
#include "proxy/policy/retry_after.h"

#include <chrono>

#include "tests/unit/catch.h"

using namespace weir;
using namespace std::chrono_literals;
using policy::retry_after;

namespace {

constexpr std::int64_t kWall = 784'111'777'000;  // Sun, 06 Nov 1994 08:49:37 GMT

}  // namespace

TEST_CASE("in so many seconds") {
  CHECK(retry_after("0", kWall) == 0s);
  CHECK(retry_after("Sun, 06 Nov 1600 08:49:37 GMT", kWall) == 0s);
  CHECK(retry_after("1", kWall) == 1s);
  CHECK(retry_after("120", kWall) == 120s);
  CHECK(retry_after("999999999", kWall) == 999'999'999s);
  CHECK(retry_after("9999999999999999999999", kWall) == base::Duration::max());
}

TEST_CASE("at a time of day") {
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:38 GMT", kWall) == 1s);
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:38 GMT", kWall + 250) == 750ms);
  CHECK(retry_after("Mon, 07 Nov 1994 08:49:37 GMT", kWall) == 24h);
  CHECK(retry_after("Sun, 06 Nov 1994 08:49:36 GMT", kWall) == 0s);
  CHECK(retry_after("Thu, 01 Jan 1970 00:00:00 GMT", kWall) == 0s);
  CHECK(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", kWall) == base::Duration::max());
}

TEST_CASE("what is neither says nothing") {
  for (const std::string_view text :
       {"", " 1", "1s", "-1", "+1", "1.5", "soon", "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Abc 1994 08:49:37 GMT",
        "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Nov 19x4 08:49:37 GMT", "Sun, 0x Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT"})
    CHECK_FALSE(retry_after(text, kWall));
}
