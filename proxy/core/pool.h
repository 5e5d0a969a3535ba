// One worker's view of one pool of one snapshot: the balancer that chooses a node, and the connections to
// each. Owned by the worker's Generation; loop thread only.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <vector>

#include "balancer/balancer.h"
#include "balancer/strategies.h"
#include "proxy/core/connection_pool.h"
#include "proxy/core/snapshot.h"
#include "proxy/policy/session.h"

namespace weir::core {

class Pool {
 public:
  // `connections`: to each of its nodes, then to those that part. `worker` is whose share of the pool's
  // counts it counts in.
  Pool(const SnapshotPool& compiled, const config::Pool& config, std::vector<ConnectionPool*> connections,
       balancer::Rng seed, std::size_t worker)
      : compiled_(compiled),
        config_(config),
        share_(compiled.shared->counts.of(worker)),
        takes_key_(balancer::takes_key(config.strategy)),
        connections_(std::move(connections)),
        balancer_(compiled.nodes, config.strategy, seed) {
    endpoints_.reserve(connections_.size());
    for (const auto& endpoint : compiled.endpoints) endpoints_.push_back(endpoint.get());
    for (const PartingNode& node : compiled.parting) endpoints_.push_back(node.endpoint.get());
  }

  const config::Pool& config() const { return config_; }
  // Those of gRPC: over HTTP/2, which is agreed upon over TLS alone.
  bool carries_calls() const {
    if (config_.protocol == config::Protocol::any) return config_.tls.has_value();
    return config_.protocol != config::Protocol::h1;
  }
  bool takes_key() const { return takes_key_; }  // its strategy wants requests' keys
  bool is_slow(base::Duration answer) const {
    return answer.count() > compiled_.shared->slow.load(std::memory_order_relaxed);
  }
  PoolGate& gate() const { return compiled_.shared->gate; }
  // A node that requests are given takes them, and is not at its limit.
  bool sees_room() const;
  // A node that keeps its sessions has room for them.
  bool sees_room_for_sessions(base::Time now, base::Duration drain_timeout) const;
  std::optional<std::size_t> pick(const balancer::PickInput& input) { return balancer_.pick(input); }
  bool holds_back() const { return balancer_.holds_back(); }  // some node is to be tried out now and then
  // Its nodes' words have changed.
  void refresh() { balancer_.refresh(); }
  const std::string& name() const { return compiled_.name; }
  ConnectionPool& connections(std::size_t node) { return *connections_[node]; }
  Endpoint& endpoint(std::size_t node) const { return *endpoints_[node]; }
  const std::string& host(std::size_t node) const {
    return node < compiled_.hosts.size() ? compiled_.hosts[node] : parting(node).host;
  }
  bool takes_more(std::size_t node) const {  // now
    return endpoint(node).node->eligible() && endpoint(node).node->has_room();
  }
  bool is_backup(std::size_t node) const {
    return node < compiled_.endpoints.size() && compiled_.nodes->level(node) == balancer::kBackup;
  }
  // A node takes requests, full or not, that is none of these.
  bool takes_any(std::span<const std::size_t> but) const {
    return find_other(but, [this](std::size_t i) { return endpoint(i).node->eligible(); }).has_value();
  }
  // A node is out by what requests have shown, which may be over at any moment, and is none of these.
  bool may_return_any(std::span<const std::size_t> but) const {
    return find_other(but,
                      [this](std::size_t i) {
                        const balancer::NodeState state = endpoint(i).node->state();
                        return !state.eligible() && state.ejection != balancer::Ejection::none &&
                               state.operator_state == balancer::Operator::active &&
                               state.agent == balancer::Agent::up;
                      })
        .has_value();
  }
  // Of these a node has room against which nothing speaks.
  bool trusts_any(std::span<const std::size_t> but) const {
    return find_other(but, [this](std::size_t i) { return takes_more(i) && endpoint(i).node->trusted(); })
        .has_value();
  }
  // Likewise one that is no suspect; it may be on probation.
  std::optional<std::size_t> find_unsuspected(std::span<const std::size_t> but) const {
    return find_other(but,
                      [this](std::size_t i) { return takes_more(i) && !endpoint(i).node->state().suspect; });
  }
  std::size_t size() const { return compiled_.endpoints.size(); }
  // Of the same pool, perhaps by another snapshot.
  bool shares_with(const Pool& other) const { return compiled_.shared == other.compiled_.shared; }
  // A node that another snapshot has as well, or has again.
  std::optional<std::size_t> find(const Endpoint& endpoint) const {
    const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                    [&](const Endpoint* each) { return each->text == endpoint.text; });
    if (found == endpoints_.end()) return std::nullopt;
    return static_cast<std::size_t>(found - endpoints_.begin());
  }
  // Those of another snapshot become its own; kElsewhere: it has no such node.
  static constexpr std::size_t kElsewhere = SIZE_MAX;
  void carry_over(const Pool& from, std::span<std::size_t> nodes) const {
    for (std::size_t& node : nodes)
      if (node != kElsewhere) node = find(from.endpoint(node)).value_or(kElsewhere);
  }
  // The node itself, and not only one of its address.
  std::size_t index_of(const Endpoint& endpoint) const {
    const auto at = find(endpoint);
    return at && endpoints_[*at] == &endpoint ? *at : kElsewhere;
  }
  PoolShare& share() { return share_; }
  const StickyTokens* sticky() const { return compiled_.sticky.get(); }
  // Of clients that were kept at this node.
  policy::SessionVerdict judge_session(std::size_t node, base::Time now, base::Duration drain_timeout) const {
    const balancer::NodeState state = endpoint(node).node->state();
    if (node >= compiled_.endpoints.size())
      return policy::judge_session(state, policy::Listed::removed, now, parting(node).until);
    return policy::judge_session(state, policy::Listed::yes, now,
                                 base::deadline(endpoint(node).leaves_since(now), drain_timeout));
  }
  bool are_all_declining(base::Time now) const { return compiled_.shared->are_all_declining(now); }
  bool are_many_lost(base::Time now) const { return compiled_.shared->are_many_lost(now); }
  // Whether the retry budget would allow one more try now.
  bool affords_retry(std::uint32_t percent, base::Time now) const {
    if (percent == config::kNoBudget) return true;
    return compiled_.shared->budget.affords(now, compiled_.shared->traffic(now), percent);
  }
  // Whether it does, which it has paid for then.
  bool pay_for_retry(std::uint32_t percent, base::Time now) {
    if (percent == config::kNoBudget) return true;
    return compiled_.shared->budget.spend(now, compiled_.shared->traffic(now), percent);
  }

 private:
  // The first that is none of `but`, and of which this is true.
  template <class Matches>
  std::optional<std::size_t> find_other(std::span<const std::size_t> but, Matches&& matches) const {
    const balancer::PickInput input{.tried = but};
    for (std::size_t i = 0; i < size(); ++i)
      if (matches(i) && !input.was_tried(i)) return i;
    return std::nullopt;
  }
  const PartingNode& parting(std::size_t node) const {
    return compiled_.parting[node - compiled_.endpoints.size()];
  }

  const SnapshotPool& compiled_;
  const config::Pool& config_;
  PoolShare& share_;
  const bool takes_key_;
  std::vector<ConnectionPool*> connections_;  // by node
  std::vector<Endpoint*> endpoints_;          // likewise
  balancer::Balancer balancer_;
};

// As the balancer chooses: backups and nodes on probation only where there are no others, and suspects where
// there are not even those.
inline bool Pool::sees_room() const {
  if (!gate().has_room()) return false;
  std::array<bool, 3> there{}, room{};
  for (std::size_t i = 0; i < size(); ++i) {
    const balancer::NodeState state = endpoint(i).node->state();
    if (!state.eligible()) continue;
    const std::size_t rank = state.suspect ? 2 : state.held_back() || is_backup(i) ? 1 : 0;
    there[rank] = true;
    room[rank] |= endpoint(i).node->has_room();
    if (room[0]) return true;
  }
  return !there[0] && (room[1] || (!there[1] && room[2]));
}

inline bool Pool::sees_room_for_sessions(base::Time now, base::Duration drain_timeout) const {
  if (!gate().has_room()) return false;
  for (std::size_t i = 0; i < endpoints_.size(); ++i)
    if (endpoint(i).node->has_room() && !is_backup(i) &&
        judge_session(i, now, drain_timeout) == policy::SessionVerdict::stays)
      return true;
  return false;
}

}  // namespace weir::core
