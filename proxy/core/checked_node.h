// A node that is checked: when its next check is due, what the checks make of it, and the carrying out of
// that: the node's word, its history, one line in the log. Owned by its CheckedPool, for as long as the node
// is listed; control thread only.
#pragma once

#include <memory>
#include <string>

#include "health/monitor.h"
#include "proxy/core/due_check.h"
#include "proxy/core/endpoint.h"
#include "proxy/core/health_check.h"

namespace weir::core {

class CheckedPool;
class Prober;

class CheckedNode final : public DueCheck, io::TimerHandler, CheckHandler {
 public:
  // Its first check is due at once.
  CheckedNode(Prober& prober, CheckedPool& pool, std::shared_ptr<Endpoint> endpoint, std::string host,
              health::State begin);
  CheckedNode(const CheckedNode&) = delete;
  CheckedNode& operator=(const CheckedNode&) = delete;
  ~CheckedNode();

  void check() override;
  // What it is called in checks that name no host; a check under way that says otherwise begins anew.
  void set_host(const std::string& host);
  // It waits no longer for its first pass. False if it did not.
  bool presume(const std::string& reason);
  health::State state() const { return monitor_.state(); }
  bool asked() const { return asked_; }  // a check of it has ended

 private:
  // How long after Weir itself could not make a check it tries again.
  static constexpr base::Duration kAgain = std::chrono::milliseconds(500);

  void on_timer() override;
  void on_checked(CheckResult result) override;
  void carry_out(const health::Transition& transition, const std::string& reason, balancer::Verdict verdict);
  void note_verdict(balancer::Verdict verdict);
  void hear(const policy::AgentWord& said);
  void say(const health::Transition& transition, const std::string& reason) const;
  std::string reason_for(const health::Transition& transition, const std::string& seen) const;
  void be_due_at(base::Time at);

  Prober& prober_;
  CheckedPool& pool_;
  const std::shared_ptr<Endpoint> endpoint_;
  io::Address address_;  // where it is checked
  std::string host_;
  health::Monitor monitor_;
  HealthCheck check_;
  io::Timer timer_;     // the next check
  base::Time began_{};  // the latest check
  bool asked_ = false;
  bool complained_ = false;  // of what the node says
};

}  // namespace weir::core
