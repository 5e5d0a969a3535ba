// A node that requests have shown to fail: for how long it is out, whether it accepts connections again, its
// probation, and what it costs it next time. A hard verdict ends when a connection to it stands, which is
// tried each EjectionTerm::kRetry; a soft one when its time is over, or when it is recalled; both by way of
// probation. Owned by the ejector from the node's first ejection until that is forgotten; control thread
// only.
#pragma once

#include <memory>
#include <string>

#include "health/ejection_term.h"
#include "proxy/core/due_check.h"
#include "proxy/core/endpoint.h"
#include "proxy/core/health_check.h"

namespace weir::core {

class Prober;

// What holds for the ejections of one pool. Shared by its nodes.
struct EjectionPlan {
  // `connect`: how long a connection to its nodes may take.
  EjectionPlan(std::string pool, const config::Pool& config, base::Duration connect);

  const std::string pool;
  const health::EjectionTerm term;
  const CheckPlan look;
};

class EjectedNode final : public DueCheck, io::TimerHandler, CheckHandler {
 public:
  EjectedNode(Prober& prober, std::shared_ptr<Endpoint> endpoint);
  EjectedNode(const EjectedNode&) = delete;
  EjectedNode& operator=(const EjectedNode&) = delete;
  ~EjectedNode();

  // Of its pool now, and what it is called there.
  void use(std::shared_ptr<const EjectionPlan> plan, std::string host);
  // By its word it is out, again perhaps.
  void eject(EjectionCause cause, const std::string& reason);
  // It was ejected, or on probation, in the process before.
  void resume();
  void acquit();
  // The pool has no better one: its probation begins now, if it is out for its answers and was not recalled
  // just now. Where it does no better than before it is out for what was left of its time.
  void recall(const std::string& reason);
  // To full service at once.
  void release(const std::string& reason);
  bool forgotten() const;  // it has served well for long enough
  void forget() { endpoint_->conduct.strikes = 0; }
  // Whether its verdict is soft; of one that is out.
  bool is_soft() const { return cause_ != EjectionCause::connect; }

 private:
  // How long after Weir itself could not look it tries again.
  static constexpr base::Duration kAgain = std::chrono::milliseconds(500);
  // It is out for so long before it is recalled; twice as long each time that it was in vain.
  static constexpr base::Duration kRecall = std::chrono::seconds(1);

  void check() override;
  void on_timer() override;
  void on_checked(CheckResult result) override;
  base::Duration term() const;
  void begin_probation(const std::string& reason);
  void end_look();
  void note(balancer::Ejection to, const std::string& reason);

  Prober& prober_;
  const std::shared_ptr<Endpoint> endpoint_;
  std::shared_ptr<const EjectionPlan> plan_;
  std::string host_;
  HealthCheck look_;
  io::Timer timer_;
  base::Time began_{};  // the latest look
  base::Time acquitted_at_ = base::kNever;
  base::Time ejected_at_{};
  base::Time out_until_ = base::kNever;      // it would be, had it not been recalled
  base::Duration recalled_after_ = kRecall;  // the next time
  std::uint32_t connects_in_a_row_ = 0;      // ejections for that
  EjectionCause cause_ = EjectionCause::connect;
  balancer::Ejection word_ = balancer::Ejection::none;  // as the history has it
};

}  // namespace weir::core
