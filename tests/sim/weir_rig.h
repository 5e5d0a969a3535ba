// Weir in a trial, as its operators have it: the configuration and what they say of nodes, the address that
// clients know, and the processes that serve there, one after the other. Orders go to the one in charge; what
// befalls a machine, to all.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/weir_process.h"

namespace weir::sim {

class WeirRig final : core::ReloadGuardOwner {
 public:
  WeirRig(SimWorld& world, const TrialPlan& plan, const std::vector<io::Address>& nodes, TrialBook& book);
  ~WeirRig();
  WeirRig(const WeirRig&) = delete;
  WeirRig& operator=(const WeirRig&) = delete;

  const io::Address& address() const { return address_; }
  const io::Address& tls_address() const { return tls_address_; }  // if clients speak TLS
  void swap();                                                     // gives the fleet another configuration
  void rename();  // the nodes' name has other addresses from now on, or their pool another name
  bool lists(const io::Address& node) const;  // by its address, in the latest configuration
  void set_operator(const io::Address& node, balancer::Operator state);
  void drain_for(const io::Address& node, base::Duration time) {  // an operator's word for the time being
    in_charge_->drain_for(node, time);
  }
  void move_entrances() { in_charge_->move_entrances(); }  // who polls the listening socket is drawn anew
  // Another process is to take the place of the one in charge. False: not now, as in production: while a
  // configuration is being guarded, or not in force yet, or another hand-over is not over.
  bool hand_over();
  // Operators are told to ask again when it is over.
  bool hands_over() const { return estate_ || in_charge_ != processes_.back().get(); }
  void set_descriptors(bool free);
  void overload(policy::Overload::Level level);
  void pause(base::Duration span);
  void drain();
  bool drained() const;
  // After each step of the world: a hand-over goes on, and what may never be is looked for.
  void on_step();
  // Everything that must be nothing once it is drained, and what must add up.
  void check_balance();
  void add_cells(TrialCells& to) const;  // of the exchanges' tables, after that

 private:
  WeirProcess& add_process();
  void swap_tls();
  void check_tls_bytes();
  config::Config draw_config();
  std::vector<config::Node> draw_nodes();
  void draw_limits(config::Pool& pool);
  void draw_tier(config::Node& node);
  std::shared_ptr<const config::Config> wanted() const;  // with what operators say
  void on_guard_over() override;
  void on_guard_failed(const std::string& why) override;
  void go_on_handing_over();
  void start_next();
  void end(WeirProcess& process);
  void check_connects();

  SimWorld& world_;
  const TrialPlan& plan_;
  const std::vector<io::Address> nodes_;
  TrialBook& book_;
  SimRandom random_;
  SimRandom limits_, tiers_, connections_;  // apart from the others, whose draws would change
  const io::Address address_, tls_address_;
  WeirProcess::Sockets sockets_;
  std::vector<std::unique_ptr<WeirProcess>> processes_;  // those that are over too
  WeirProcess* in_charge_;
  config::Config config_;                                // the latest, but for what operators say
  std::map<std::string, balancer::Operator> operators_;  // by node; those that are not active
  config::Config confirmed_;                             // to which the guard goes back
  std::optional<WeirProcess::Estate> estate_;            // until the next process has it
  base::Time starts_at_{};                               // the next process
  std::size_t swaps_ = 0;
  std::size_t terms_ = 0;  // of TLS with clients
  std::uint64_t steps_ = 0;
  bool descriptors_ = true;
  base::Time stopped_until_ = base::Time::min();  // by pauses
};

}  // namespace weir::sim
