// What another process knew of its nodes: the one whose place this process takes. Each node is taken over by
// the first snapshot that lists it, once; what is left is forgotten when another configuration comes, since a
// node that it adds is a new one. Values, and no part of the data path.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "balancer/node.h"
#include "proxy/base/time.h"
#include "proxy/core/endpoint.h"

namespace weir::core {

struct KnownNode {
  balancer::Operator by_operator = balancer::Operator::active;
  balancer::Health health = balancer::Health::unknown;
  balancer::Ejection ejection = balancer::Ejection::none;
  balancer::Verdict health_verdict = balancer::Verdict::hard;
  balancer::Verdict ejection_verdict = balancer::Verdict::hard;
  std::uint32_t strikes = 0;
  balancer::Agent agent = balancer::Agent::up;
  std::uint32_t agent_weight = balancer::NodeState::kNoAgentWeight;
  base::Duration drained{};  // for so long it has been draining
  LearnedLimits::Known learned;
  NodeHistory::View history;
  observe::Latency::Reading answer_times{};  // the latest ones' shape; of() does not know it

  static KnownNode of(const Endpoint& endpoint, base::Time now);
  // The health that it begins with.
  balancer::Health health_if(bool checked) const { return checked ? health : balancer::Health::unknown; }
  void give_to(Endpoint& endpoint, base::Time now) const;
};

class KnownNodes {
 public:
  using Key = std::pair<std::string, std::string>;  // pool, address

  KnownNodes() = default;
  explicit KnownNodes(base::Time now) : now_(now) {}

  base::Time now() const { return now_; }  // of which the ages are
  void add(const std::string& pool, const std::string& address, KnownNode node);
  std::optional<KnownNode> take(const std::string& pool, const std::string& address);
  const std::map<Key, KnownNode>& all() const { return nodes_; }

 private:
  base::Time now_{};
  std::map<Key, KnownNode> nodes_;
};

}  // namespace weir::core
