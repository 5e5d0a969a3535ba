// A pool whose nodes are checked, and the rule for its start: until one of its nodes is up, or one timeout of
// a check has passed since it first had nodes, they wait for their first pass; with none up by then, those
// without a verdict take requests until they have one. A node that joins later waits for its first pass.
// Owned by the prober; control thread only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/core/checked_node.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

class CheckedPool final : io::TimerHandler {
 public:
  enum class Phase : std::uint8_t { empty, starting, running };

  // `phase` is empty for a pool that was not there before, else what its predecessor's was.
  CheckedPool(Prober& prober, std::string name, const config::Pool& config, Phase phase);
  CheckedPool(const CheckedPool&) = delete;
  CheckedPool& operator=(const CheckedPool&) = delete;

  // Whether the nodes begin with the states that they have; otherwise only those that no check has judged do.
  enum class States : std::uint8_t { fresh, kept };
  // Checks exactly these nodes from now on; those that it checks already go on as they are.
  void watch(const SnapshotPool& listed, States states);

  const std::string& name() const { return name_; }
  const CheckPlan& plan() const { return plan_; }
  // What may become other without the checks beginning anew.
  void use(const config::Pool& config) {
    plan_.tls = config.settings.value;
    has_floor_ = config.panic > 0;
  }
  Phase phase() const { return phase_; }
  // It has no nodes, a node of it is up, or each of them has been asked once.
  bool begun() const { return nodes_.empty() || up_ > 0 || unasked_ == 0; }

  // For its nodes.
  void note_asked() { --unasked_; }
  // `verdict`: behind its being down, before or after.
  void note_transition(const health::Transition& transition, balancer::Verdict verdict);
  void note_verdict(balancer::Verdict verdict);  // that it has become, of a node that is down

 private:
  void on_timer() override;
  std::unique_ptr<CheckedNode> join(const std::shared_ptr<Endpoint>& endpoint, const std::string& host,
                                    States states);
  void count();
  void begin();
  void say_whether_it_serves();

  Prober& prober_;
  const std::string name_;
  CheckPlan plan_;
  std::unordered_map<const Endpoint*, std::unique_ptr<CheckedNode>, ByText> nodes_;
  std::size_t up_ = 0;
  std::size_t serving_ = 0;  // nodes that take requests: up, or with no verdict that they wait for
  std::size_t soft_ = 0;     // nodes that are down by a soft verdict: with a panic floor the last ones serve
  std::size_t unasked_ = 0;
  io::Timer timer_;  // the end of its start
  Phase phase_;
  bool has_floor_;
  bool serves_ = true;  // as was said last: a node takes requests, or nobody knows yet
};

}  // namespace weir::core
