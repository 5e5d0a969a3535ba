// Timeouts: a level's own word replaces the one above it, each on its own.
#include "proxy/config/merge.h"

#include "tests/unit/catch.h"

using namespace weir::config;

TEST_CASE("nothing of its own changes nothing") {
  CHECK(merge(Timeouts{}, {}) == Timeouts{});
}

TEST_CASE("each timeout is replaced alone") {
  const auto only = [](std::optional<Duration> TimeoutOverrides::* own, Duration Timeouts::* merged) {
    TimeoutOverrides overrides;
    overrides.*own = 123ms;
    Timeouts wanted;
    wanted.*merged = 123ms;
    return merge(Timeouts{}, overrides) == wanted;
  };
  CHECK(only(&TimeoutOverrides::body, &Timeouts::body));
  CHECK(only(&TimeoutOverrides::connect, &Timeouts::connect));
  CHECK(only(&TimeoutOverrides::response, &Timeouts::response));
  CHECK(only(&TimeoutOverrides::attempt, &Timeouts::attempt));
  CHECK(only(&TimeoutOverrides::request, &Timeouts::request));
  CHECK(only(&TimeoutOverrides::stream_idle, &Timeouts::stream_idle));
  CHECK(only(&TimeoutOverrides::tunnel, &Timeouts::tunnel));
  TimeoutOverrides slower;
  slower.min_rate = 7;
  CHECK(merge(Timeouts{}, slower).min_rate == 7);
}

TEST_CASE("the route has the last word, off included") {
  TimeoutOverrides pool, route;
  pool.response = 5s;
  pool.connect = 1s;
  route.response = kOff;
  const Timeouts merged = merge(merge(Timeouts{}, pool), route);
  CHECK(merged.response == kOff);
  CHECK(merged.connect == 1s);
  CHECK(merged.header == Timeouts{}.header);
}
