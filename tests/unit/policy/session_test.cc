// Whether a client stays at its node.
#include "proxy/policy/session.h"

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using balancer::Agent;
using balancer::Ejection;
using balancer::Health;
using balancer::NodeState;
using balancer::Operator;

constexpr base::Time kOver{10s};

SessionVerdict judged(const NodeState& node, base::Time now = base::Time(9s), Listed listed = Listed::yes) {
  return judge_session(node, listed, now, kOver);
}

}  // namespace

TEST_CASE("a client stays at a node that is eligible, however long") {
  CHECK(judged({}) == SessionVerdict::stays);
  CHECK(judged({}, base::Time(99s)) == SessionVerdict::stays);
  CHECK(judged({.suspect = true}) == SessionVerdict::stays);
  CHECK(judged({.ejection = Ejection::probation}) == SessionVerdict::stays);
  CHECK(judged({.health = Health::down, .health_verdict = balancer::Verdict::soft, .pardoned = true}) ==
        SessionVerdict::stays);
}

TEST_CASE("a client stays at a node that drains or was removed until the time for that is over") {
  for (const NodeState& draining :
       {NodeState{.operator_state = Operator::drain}, NodeState{.agent = Agent::drain},
        NodeState{.operator_state = Operator::drain, .agent = Agent::drain}}) {
    CHECK(judged(draining) == SessionVerdict::stays);
    CHECK(judged(draining, kOver) == SessionVerdict::drained);
  }
  CHECK(judged({}, base::Time(9s), Listed::removed) == SessionVerdict::stays);
  CHECK(judged({}, kOver, Listed::removed) == SessionVerdict::drained);
}

TEST_CASE("a client leaves a node that nobody may use at once, draining or not") {
  CHECK(judged({.operator_state = Operator::down}) == SessionVerdict::down);
  CHECK(judged({.agent = Agent::maint}) == SessionVerdict::down);
  CHECK(judged({.operator_state = Operator::drain, .agent = Agent::maint}) == SessionVerdict::down);
  CHECK(judged({.operator_state = Operator::down, .agent = Agent::drain}) == SessionVerdict::down);
  for (const Operator said : {Operator::active, Operator::drain})
    for (const Listed listed : {Listed::yes, Listed::removed}) {
      CHECK(judged({.operator_state = said, .health = Health::down}, base::Time(9s), listed) ==
            SessionVerdict::down);
      CHECK(judged({.operator_state = said, .health = Health::awaited}, base::Time(9s), listed) ==
            SessionVerdict::down);
      CHECK(judged({.operator_state = said, .ejection = Ejection::ejected}, base::Time(9s), listed) ==
            SessionVerdict::ejected);
    }
}

}  // namespace weir::policy
