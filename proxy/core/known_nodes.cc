#include "proxy/core/known_nodes.h"

#include <algorithm>

namespace weir::core {

KnownNode KnownNode::of(const Endpoint& endpoint, base::Time now) {
  const balancer::NodeState state = endpoint.node->state();
  return {.by_operator = state.operator_state,
          .health = state.health,
          .ejection = state.ejection,
          .health_verdict = state.health_verdict,
          .ejection_verdict = state.ejection_verdict,
          .strikes = endpoint.conduct.strikes,
          .agent = state.agent,
          .agent_weight = state.agent_weight,
          .drained = now - endpoint.leaves_since(now),
          .learned = endpoint.learned.known(now),
          .history = endpoint.history.view()};
}

// Who brings the node back if it is ejected hears of it by the snapshot.
void KnownNode::give_to(Endpoint& endpoint, base::Time now) const {
  endpoint.begin_drain(now - drained);
  endpoint.node->set_operator(by_operator);
  endpoint.node->set_agent(agent, agent_weight);
  endpoint.node->set_ejection(ejection, ejection_verdict);
  endpoint.conduct.strikes = strikes;
  endpoint.conduct.inherited = ejection != balancer::Ejection::none;
  endpoint.learned.take_over(learned, now);
  endpoint.history.take_over(history);
  const auto seen = [](std::uint32_t count) { return count > 0; };
  if (std::any_of(answer_times.begin(), answer_times.end(), seen))
    endpoint.counts.of(0).begin_with_answer_times(answer_times);
}

void KnownNodes::add(const std::string& pool, const std::string& address, KnownNode node) {
  nodes_.insert_or_assign({pool, address}, std::move(node));
}

std::optional<KnownNode> KnownNodes::take(const std::string& pool, const std::string& address) {
  const auto found = nodes_.find({pool, address});
  if (found == nodes_.end()) return std::nullopt;
  std::optional<KnownNode> taken(std::move(found->second));
  nodes_.erase(found);
  return taken;
}

}  // namespace weir::core
