// Session tickets' keys change by themselves, and old ones are known for a while.
#include "proxy/tls/ticket_keys.h"

#include "tests/unit/catch.h"

namespace weir::tls {

namespace {

using Age = TicketKeys::Found::Age;
constexpr TicketKeys::Clock::time_point kBegin{std::chrono::hours(1000)};

}  // namespace

TEST_CASE("one key makes all tickets of a period, and the next another") {
  TicketKeys keys;
  const auto first = keys.newest(kBegin);
  REQUIRE(first);
  CHECK(keys.newest(kBegin + TicketKeys::kPeriod - std::chrono::seconds(1))->name == first->name);
  const auto second = keys.newest(kBegin + TicketKeys::kPeriod);
  CHECK(second->name != first->name);
  CHECK(second->cipher != first->cipher);
  CHECK(second->mac != first->mac);
}

TEST_CASE("a key opens tickets for so many periods, and is then forgotten") {
  TicketKeys keys;
  const auto first = keys.newest(kBegin);
  CHECK(keys.find(first->name, kBegin)->age == Age::newest);
  CHECK(keys.find(first->name, kBegin)->key.cipher == first->cipher);
  CHECK(keys.find(first->name, kBegin + TicketKeys::kPeriod)->age == Age::older);
  CHECK(keys.find(first->name, kBegin + 2 * TicketKeys::kPeriod)->age == Age::older);
  CHECK_FALSE(keys.find(first->name, kBegin + 3 * TicketKeys::kPeriod));
}

TEST_CASE("keys that nobody used for long are not kept longer for it") {
  TicketKeys keys;
  const auto first = keys.newest(kBegin);
  CHECK_FALSE(keys.find(first->name, kBegin + 5 * TicketKeys::kPeriod));
}

TEST_CASE("a key that was never made is none") {
  TicketKeys keys;
  CHECK_FALSE(keys.find(std::array<unsigned char, 16>{}, kBegin));
}

}  // namespace weir::tls
