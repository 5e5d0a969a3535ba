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

TEST_CASE("another process goes on with them") {
  TicketKeys before, after;
  const auto first = before.newest(kBegin);
  const auto second = before.newest(kBegin + TicketKeys::kPeriod);
  constexpr auto kHour = std::chrono::hours(1);
  after.begin_with(before.known(kBegin + TicketKeys::kPeriod + kHour), kBegin);
  CHECK(after.newest(kBegin)->name == second->name);
  CHECK(after.find(first->name, kBegin)->age == Age::older);
  CHECK(after.newest(kBegin + TicketKeys::kPeriod - 2 * kHour)->name == second->name);
  CHECK(after.newest(kBegin + TicketKeys::kPeriod - kHour)->name != second->name);
}

TEST_CASE("what another process says of them is not believed beyond reason") {
  TicketKeys before, old, young, known;
  before.newest(kBegin);
  TicketKeys::Known said = before.known(kBegin);
  const TicketKey first = said.keys.front();
  said.age = TicketKeys::kPeriod * 100;
  old.begin_with(said, kBegin);
  CHECK(old.newest(kBegin)->name != first.name);
  said.age = -TicketKeys::kPeriod;
  said.keys.resize(100, first);
  young.begin_with(said, kBegin);
  CHECK(young.newest(kBegin + TicketKeys::kPeriod)->name != first.name);
  CHECK(young.known(kBegin + TicketKeys::kPeriod).keys.size() == TicketKeys::kKept);
  const auto own = known.newest(kBegin);
  known.begin_with(said, kBegin);
  CHECK(known.newest(kBegin)->name == own->name);
  CHECK(TicketKeys().known(kBegin).keys.empty());
}

}  // namespace weir::tls
