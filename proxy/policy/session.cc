#include "proxy/policy/session.h"

namespace weir::policy {

SessionVerdict judge_session(balancer::NodeState node, Listed listed, base::Time now, base::Time drained_at) {
  const bool leaves = listed == Listed::removed || node.drains();
  if (node.operator_state == balancer::Operator::drain) node.operator_state = balancer::Operator::active;
  if (node.agent == balancer::Agent::drain) node.agent = balancer::Agent::up;
  if (node.operator_state != balancer::Operator::active || node.agent != balancer::Agent::up)
    return SessionVerdict::down;
  if (!node.eligible())
    return node.ejection == balancer::Ejection::ejected ? SessionVerdict::ejected : SessionVerdict::down;
  return leaves && now >= drained_at ? SessionVerdict::drained : SessionVerdict::stays;
}

}  // namespace weir::policy
