// The contract's drivers over the simulator: a calm network without delays, and hostile ones.
#pragma once

#include <cstdint>
#include <functional>

#include "tests/sim/sim_runtime.h"
#include "tests/sim/sim_world.h"

namespace weir::contract {

class SimDriver {
 public:
  static constexpr bool kVirtualTime = true;

  SimDriver(std::uint64_t seed, const sim::SimRules& rules) : world_(seed, rules), runtime_(world_) {}
  sim::SimRuntime& runtime() { return runtime_; }
  sim::SimWorld& world() { return world_; }
  io::ListenSocket listen();
  io::Address address(io::ListenSocket socket) const { return world_.address_of(socket); }
  void close(io::ListenSocket socket) { world_.close(socket); }
  io::Address refusing();
  io::Address failing_at_once();
  io::Address black_hole();
  void until(const std::function<bool()>& so);
  void settle();

 private:
  sim::SimWorld world_;
  sim::SimRuntime runtime_;
};

class CalmDriver : public SimDriver {
 public:
  static constexpr bool kInstantNetwork = true;
  static constexpr std::size_t kLarge = 10'000'000;
  CalmDriver() : SimDriver(1, sim::SimRules::calm()) {}
};

// A test that has one is run with each seed.
class HostileDriver : public SimDriver {
 public:
  static constexpr bool kInstantNetwork = false;
  static constexpr std::size_t kLarge = 300'000;
  HostileDriver();
};

}  // namespace weir::contract
