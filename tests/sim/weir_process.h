// One process of Weir in a trial: its workers' data paths and its fleet, each on a loop of its own,
// unchanged. What the server does around them in production (threads, sockets, signals) this does with the
// world's means, and it checks at every step what may never be. It begins as the first one or takes over from
// another, serves, leaves, and is looked at for the last time when nothing is left in it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/core/acceptor.h"
#include "proxy/core/data_path.h"
#include "proxy/core/fleet.h"
#include "proxy/core/reload_guard.h"
#include "tests/sim/sim_runtime.h"
#include "tests/sim/trial_book.h"
#include "tests/sim/weir_records.h"

namespace weir::sim {

class WeirProcess final : core::FleetOwner {
 public:
  // What it leaves to the one that takes its place; and how its nodes were, by address, and what operators
  // had said of them last.
  struct Estate {
    std::shared_ptr<const config::Config> config;
    core::Legacy legacy;
    std::map<std::string, balancer::NodeState> nodes;
  };

  // `number`: how many came before it. `owner` hears of the guard.
  WeirProcess(SimWorld& world, const TrialPlan& plan, TrialBook& book, std::uint32_t number,
              SimRandom& random, std::shared_ptr<const io::ListenSocket> socket,
              core::ReloadGuardOwner& owner);
  ~WeirProcess();
  WeirProcess(const WeirProcess&) = delete;
  WeirProcess& operator=(const WeirProcess&) = delete;

  std::uint32_t number() const { return number_; }
  void start(std::shared_ptr<const config::Config> config);
  void take_over(Estate estate);
  bool ready() const { return snapshot_ != nullptr; }
  bool working() const { return working_ == plan_.workers; }  // every worker takes clients
  void configure(std::shared_ptr<const config::Config> config);
  void go_back(std::shared_ptr<const config::Config> config);         // the same of one that is not guarded
  const config::Config& config() const { return *fleet_->config(); }  // in force
  void drain_for(const io::Address& node, base::Duration time);
  void move_entrances();
  void set_descriptors(bool free);
  void pause(base::Duration span);

  // The latest configuration is in force, and the guard content with it.
  bool may_be_replaced() const;
  Estate estate() const;
  // Another one takes clients from now on. Checks and names go on for those that it has, until end_checks().
  void leave(base::Duration grace);
  bool drained() const { return drained_ == plan_.workers; }
  void end_checks();
  base::Time ended_at() const { return ended_at_; }  // kNever: its checks go on

  // What may never be, at any step of the world; and, less often, in what takes longer to look at.
  void check_step();
  void check_leases();
  // Everything that must be nothing once it is drained, and what must add up. Nothing happens in it any more.
  void check_balance();
  bool over() const { return over_; }
  void check_snapshots();                             // when the maker has had its time since then
  const TrialCells& cells() const { return cells_; }  // of its exchanges' table, once it is over

 private:
  class Worker;

  // The thread that makes snapshots.
  class Maker final : public base::Executor {
   public:
    Maker(SimWorld& world, std::uint32_t process) : runtime_(world, process) {}
    using Executor::run;
    void run(std::function<void()> task, AtEnd /*at_end*/) override { runtime_.post(std::move(task)); }

   private:
    SimRuntime runtime_;
  };

  struct Watched {
    std::shared_ptr<balancer::Node> node;
    std::uint64_t in_flight = 0;
    bool barred = false;      // it took no new work, in the step before
    base::Time listed_since;  // in the snapshot; kNever: it is not
    base::Time open_since{};  // that it takes new work
    base::Time barred_since{};
  };

  void make_fleet(std::shared_ptr<const config::Config> config, core::Legacy legacy);
  balancer::Operator said_of(const core::SnapshotPool& pool, const core::Endpoint& endpoint) const;
  void on_fleet_ready() override;
  void on_snapshot() override;
  void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) override;
  void guard(const std::shared_ptr<const core::Snapshot>& snapshot);
  std::vector<core::Entrance> entrances() const { return {{socket_, listener_}}; }
  void watch(const core::SnapshotPool& pool);
  void check_inherited(const std::map<std::string, balancer::NodeState>& before);
  void check_made_before_broken(const core::SnapshotPool& before, const core::SnapshotPool& pool);
  void check_barred();
  void check_drained_before();
  void check_refusals();
  bool has_been_open() const;
  void check_waiting();
  void check_idle(const core::Endpoint& endpoint);
  void check_bytes();
  void check_records();

  SimWorld& world_;
  const TrialPlan& plan_;
  TrialBook& book_;
  const std::uint32_t number_;
  SimRandom& random_;
  WeirRecords records_{book_};
  const std::shared_ptr<const io::ListenSocket> socket_;
  core::SharedCounts counts_;
  std::shared_ptr<observe::ListenerCounts> listener_;
  SimRuntime control_;
  Maker maker_;
  std::vector<std::weak_ptr<const core::Snapshot>> published_;
  std::vector<std::weak_ptr<core::Endpoint>> endpoints_;
  std::vector<std::shared_ptr<observe::RouteCounts>> routes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<core::Fleet> fleet_;
  core::ReloadGuard guard_;
  std::shared_ptr<const config::Config> given_;     // the latest
  std::shared_ptr<const config::Config> guarded_;   // the latest in force
  bool retreats_ = false;                           // the latest given is not guarded
  std::shared_ptr<const core::Snapshot> snapshot_;  // that the workers have, or soon will
  std::uint64_t refusals_ = 0;                      // for want of a node
  std::size_t working_ = 0, drained_ = 0;           // workers
  bool draining_ = false;
  base::Time ended_at_ = base::kNever;
  bool over_ = false;
  base::Time stopped_until_ = base::Time::min();  // by pauses
  std::vector<Watched> watched_;                  // every node that there ever was
  // Nodes that operators kept from work when it took over, until they say something else or their time is
  // over.
  std::set<std::string> drained_before_;
  base::Time drained_until_ = base::kNever;  // the first of their times
  std::vector<base::Time> could_come_in_;    // by worker: since when a client waits that there is room for
  TrialCells cells_{};
};

}  // namespace weir::sim
