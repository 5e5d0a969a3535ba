#include "proxy/core/known_nodes.h"

#include <algorithm>

namespace weir::core {

KnownNode KnownNode::of(const Endpoint& endpoint, base::Time now) {
  const balancer::NodeState state = endpoint.node->state();
  return {.by_operator = state.operator_state,
          .health = state.health,
          .ejection = state.ejection,
          .learned = endpoint.learned.known(now),
          .history = endpoint.history.view()};
}

// Its ejection is left out: nothing in this version would ever take it back.
void KnownNode::give_to(Endpoint& endpoint, base::Time now) const {
  endpoint.node->set_operator(by_operator);
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
