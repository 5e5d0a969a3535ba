#include "proxy/server/loop_pulse.h"

#include <chrono>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::server {

using namespace std::chrono_literals;

TEST_CASE("a loop that keeps time has next to no lag") {
  core::StillRuntime runtime;
  const LoopPulse pulse(runtime);
  for (int i = 0; i < 100; ++i) {
    runtime.pass(10ms);
    CHECK(pulse.lag(runtime.now()) <= io::TimerWheel::kTick);
  }
}

TEST_CASE(
    "a loop that is stuck is as late as its beat is missing, and one that was late stays so until the next") {
  core::StillRuntime runtime;
  const LoopPulse pulse(runtime);
  const base::Time begin = runtime.now();
  CHECK(pulse.lag(begin + LoopPulse::kBeat) == 0s);
  CHECK(pulse.lag(begin + LoopPulse::kBeat + 3s) == 3s);
  runtime.pass(LoopPulse::kBeat + 700ms);
  CHECK(pulse.lag(runtime.now()) >= 690ms);
  CHECK(pulse.lag(runtime.now()) <= 700ms);
  runtime.pass(LoopPulse::kBeat + 10ms);
  CHECK(pulse.lag(runtime.now()) <= io::TimerWheel::kTick);
}

}  // namespace weir::server
