// What a node says of itself in its answer to a health check: X-Weir-State (up, drain or maint, in any case)
// and X-Weir-Weight (0 to 1000; 0 is drain). Of several states, in one field or in several, the gravest
// counts, of several weights the first. Whatever is neither counts as not said. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "balancer/node.h"
#include "proxy/http/fields.h"

namespace weir::policy {

struct AgentWord {
  balancer::Agent state = balancer::Agent::up;
  std::uint32_t weight = balancer::NodeState::kNoAgentWeight;
  std::string bad;  // the word that could not be read, and its field; "": all could
};

AgentWord read_agent(const http::Fields& fields);

}  // namespace weir::policy
