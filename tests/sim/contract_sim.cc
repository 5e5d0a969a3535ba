#include "tests/sim/contract_sim.h"

#include "tests/sim/loopback.h"
#include "tests/unit/catch.h"

namespace weir::contract {

HostileDriver::HostileDriver() : SimDriver(GENERATE(range<std::uint64_t>(1, 9)), sim::SimRules::hostile()) {}

io::ListenSocket SimDriver::listen() {
  return world_.listen(loopback(0));
}

io::Address SimDriver::refusing() {
  return loopback(9);
}

io::Address SimDriver::failing_at_once() {
  world_.set_fate(loopback(10), sim::SimWorld::Fate::fails_at_once);
  return loopback(10);
}

io::Address SimDriver::black_hole() {
  world_.set_fate(loopback(11), sim::SimWorld::Fate::black_hole);
  return loopback(11);
}

void SimDriver::until(const std::function<bool()>& so) {
  REQUIRE(world_.run_until(so, world_.now() + std::chrono::hours(10)));
}

void SimDriver::settle() {
  world_.run_until(world_.now() + std::chrono::seconds(10));
}

}  // namespace weir::contract
