#include "proxy/core/agent.h"

#include <algorithm>

#include "proxy/base/log.h"

namespace weir::core {
namespace {

using balancer::Agent;
using balancer::NodeState;

constexpr base::Duration kTellPause = std::chrono::seconds(10);

void say(const Endpoint& endpoint, const std::string& pool, const NodeState& now) {
  switch (now.agent) {
    case Agent::up:
      return base::log_info("node {} of pool {} says up{}", endpoint.text, pool,
                            now.eligible() ? "; it takes requests" : "");
    case Agent::drain:
      return base::log_info("node {} of pool {} says drain; it gets no new requests", endpoint.text, pool);
    case Agent::maint:
      return base::log_info("node {} of pool {} says maint; it gets no requests", endpoint.text, pool);
  }
}

// It may be another one with every answer. What is told is then what it is at that moment.
void tell_weight(Endpoint& endpoint, const std::string& pool, const std::string& reason,
                 const io::Runtime& runtime) {
  const NodeState state = endpoint.node->state();
  auto& [told, next] = endpoint.history.told_weight;
  if (state.weight_is_held || state.agent_weight == told || runtime.now() < next) return;
  const std::uint32_t from = told == NodeState::kNoAgentWeight ? state.weight : told;
  told = state.agent_weight;
  if (state.present_weight() == from) return;
  next = runtime.now() + kTellPause;
  base::log_info("node {} of pool {} has weight {}: {}", endpoint.text, pool, state.present_weight(), reason);
  endpoint.history.note({.wall_ms = runtime.wall_ms(),
                         .word = NodeWord::weight,
                         .from = std::to_string(from),
                         .to = std::to_string(state.present_weight()),
                         .reason = reason});
}

}  // namespace

bool hear_agent(Endpoint& endpoint, const std::string& pool, const policy::AgentWord& said,
                const std::string& reason, const io::Runtime& runtime) {
  const NodeState before = endpoint.node->state();
  if (said.state == Agent::drain) endpoint.begin_drain(runtime.now());
  NodeHistory::ToldWeight& told = endpoint.history.told_weight;
  if (told.next == base::Time{}) told.weight = before.agent_weight;
  const bool changed = endpoint.node->set_agent(said.state, said.weight);
  const NodeState now = endpoint.node->state();
  if (now.agent != before.agent) {
    told.next = std::min(told.next, runtime.now());
    say(endpoint, pool, now);
    endpoint.history.note({.wall_ms = runtime.wall_ms(),
                           .word = NodeWord::agent,
                           .from = std::string(balancer::word(before.agent)),
                           .to = std::string(balancer::word(now.agent)),
                           .reason = reason});
  }
  tell_weight(endpoint, pool, reason, runtime);
  return changed;
}

bool forget_agent(Endpoint& endpoint, const std::string& pool, const io::Runtime& runtime) {
  NodeHistory::ToldWeight& told = endpoint.history.told_weight;
  told.next = std::min(told.next, runtime.now());
  return hear_agent(endpoint, pool, {}, "its checks ask for no such word", runtime);
}

}  // namespace weir::core
