// Whether a client that was kept at a node stays there. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "balancer/node.h"
#include "proxy/base/time.h"

namespace weir::policy {

enum class SessionVerdict : std::uint8_t {
  stays,
  drained,  // the node drains, or was removed, and the time for that is over
  down,     // nobody may use it, or its checks fail
  ejected,
  failed,  // it did not answer this request, which another node did
};

// By SessionVerdict, what may end a session.
inline constexpr std::array<std::string_view, 5> kSessionVerdicts = {"", "drained", "down", "ejected",
                                                                     "failed"};

// A node that drains keeps its sessions until `drained_at`; so does one that was removed, for which
// `removed` stands.
enum class Listed : bool { removed, yes };
SessionVerdict judge_session(balancer::NodeState node, Listed listed, base::Time now, base::Time drained_at);

}  // namespace weir::policy
