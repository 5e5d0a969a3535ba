// Carries out what a node says of itself, and tells of it in its history and in the log; of weights that
// change all the time now and then. Control thread only.
#pragma once

#include <string>

#include "proxy/core/endpoint.h"
#include "proxy/io/runtime.h"
#include "proxy/policy/agent.h"

namespace weir::core {

// True: its word is another one, so that the pool's workers are to be told. `reason` is for its history.
bool hear_agent(Endpoint& endpoint, const std::string& pool, const policy::AgentWord& said,
                const std::string& reason, const io::Runtime& runtime);

// Nobody hears the node any more, so that nothing it said counts.
bool forget_agent(Endpoint& endpoint, const std::string& pool, const io::Runtime& runtime);

}  // namespace weir::core
