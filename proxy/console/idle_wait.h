// Waits until a node has nothing in flight, asking the API again and again, and shows on a terminal how far
// it is. Ctrl-C and SIGTERM end the waiting alone. Blocking, on one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/base/time.h"
#include "proxy/console/admin_address.h"
#include "proxy/console/problem.h"

namespace weir::console {

struct Waited {
  // gone: the node is none any more. failed: nobody tells.
  enum class Outcome : std::uint8_t { idle, gone, interrupted, timed_out, failed } outcome = Outcome::idle;
  std::uint64_t in_flight = 0;  // when it was seen last
  std::optional<Problem> problem;
};

// `node` is an address, or a host name with its port, which stands for all of its addresses; `called` is how
// the progress names it. No timeout: as long as it takes.
Waited wait_until_idle(const AdminPlace& admin, const std::string& pool, const std::string& node,
                       const std::string& called, std::optional<base::Duration> timeout);

}  // namespace weir::console
