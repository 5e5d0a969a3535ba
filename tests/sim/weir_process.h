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

// That the cookies of sticky sessions are made with.
inline constexpr std::string_view kStickySecret = "the secret of trials";

class WeirProcess final : core::FleetOwner {
 public:
  // Where clients come in: the first one in clear, the second one, if there is one, by TLS.
  using Sockets = std::vector<std::shared_ptr<const io::ListenSocket>>;

  // What it leaves to the one that takes its place; and how its nodes were, by address, and what operators
  // had said of them last.
  struct Estate {
    std::shared_ptr<const config::Config> config;
    core::Legacy legacy;
    std::map<std::string, balancer::NodeState> nodes;
  };

  // `number`: how many came before it. `owner` hears of the guard.
  WeirProcess(SimWorld& world, const TrialPlan& plan, TrialBook& book, std::uint32_t number,
              SimRandom& random, const Sockets& sockets, core::ReloadGuardOwner& owner);
  ~WeirProcess();
  WeirProcess(const WeirProcess&) = delete;
  WeirProcess& operator=(const WeirProcess&) = delete;

  std::uint32_t number() const { return number_; }
  void start(std::shared_ptr<const config::Config> config);
  void take_over(Estate estate);
  bool ready() const { return snapshot_ != nullptr; }
  bool working() const { return working_ == plan_.workers; }  // every worker takes clients
  void configure(std::shared_ptr<const config::Config> config);
  void use_tls(std::shared_ptr<const tls::ServerSettings> settings);  // for clients that come from now on
  void go_back(std::shared_ptr<const config::Config> config);         // the same of one that is not guarded
  const config::Config& config() const { return *fleet_->config(); }  // in force
  void drain_for(const io::Address& node, base::Duration time);
  void move_entrances();
  void set_descriptors(bool free);
  void overload(policy::Overload::Level level);
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
  // Bytes that clients have sent and were sent, by TLS; once it is over.
  std::uint64_t tls_received() const { return tls_received_; }
  std::uint64_t tls_sent() const { return tls_sent_; }
  void check_snapshots();                             // when the maker has had its time since then
  const TrialCells& cells() const { return cells_; }  // of its exchanges' table, once it is over

 private:
  class Worker;
  struct Inlet {
    std::shared_ptr<const io::ListenSocket> socket;
    std::shared_ptr<observe::ListenerCounts> counts;
  };

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
    std::uint64_t limit = balancer::Node::kUnlimited;
    std::uint32_t generation = 0;  // of its word, in the step before
    bool barred = false;           // it took no new work, in the step before
    base::Time listed_since;       // in the snapshot; kNever: it is not
    base::Time open_since{};       // that it takes new work
    base::Time barred_since{};
    base::Time out_since = base::kNever;  // by a soft verdict
    base::Time drains_since = base::kNever;
    bool drained_at_first = false;          // since nobody knows when
    base::Time keeps_since = base::kNever;  // that it keeps its sessions
    base::Time trusted_since = base::kNever;
  };
  // From `at` on, until the next: since when a node that is no backup takes work, and which are backups.
  struct Service {
    base::Time at{};
    base::Time since = base::kNever;
    base::Time backups_since{};
    std::set<std::string> backups;
  };

  void make_fleet(std::shared_ptr<const config::Config> config, core::Legacy legacy);
  balancer::Operator said_of(const core::SnapshotPool& pool, const core::Endpoint& endpoint) const;
  void on_fleet_ready() override;
  void on_snapshot() override;
  void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) override;
  void guard(const std::shared_ptr<const core::Snapshot>& snapshot);
  std::vector<core::Entrance> entrances(const Worker& worker) const;
  template <class F>
  void each_share(F&& f) const {  // of what is counted of inlets
    for (const Inlet& inlet : inlets_)
      for (const observe::ListenerShare& share : *inlet.counts) f(share);
  }
  void watch(const core::SnapshotPool& pool);
  void check_inherited(const std::map<std::string, balancer::NodeState>& before);
  void check_made_before_broken(const core::SnapshotPool& before, const core::SnapshotPool& pool);
  void check_barred();
  void note_service();
  void check_first_try(const observe::Span& span);
  void check_out(Watched& watched) const;
  void note_drain(Watched& watched) const;
  void check_session(const RequestEntry& entry, const observe::Span& first) const;
  void check_places();
  void check_drained_before();
  void check_refusals();
  bool has_been_open() const;
  void check_shed();
  void check_waiting();
  void check_limit(Watched& watched, std::uint64_t before) const;
  void check_connections();
  void check_bound(const core::ConnectionBound& bound, std::string_view whose);
  void check_slots(const core::Endpoint& endpoint);
  void check_gates();
  bool sees_room(const core::SnapshotPool& pool) const;
  void check_idle(const core::Endpoint& endpoint);
  void check_bytes();
  void check_budget();
  void check_records();

  SimWorld& world_;
  const base::Time begun_ = world_.now();
  const TrialPlan& plan_;
  TrialBook& book_;
  const std::uint32_t number_;
  SimRandom& random_;
  WeirRecords records_{book_, [this](const RequestEntry& entry, const observe::Span& first) {
                         check_session(entry, first);
                         if (entry.cookie.empty()) check_first_try(first);  // a session stays where it is
                       }};
  std::vector<Inlet> inlets_;
  core::SharedCounts counts_;
  SimRuntime control_;
  Maker maker_;
  std::vector<std::weak_ptr<const core::Snapshot>> published_;
  std::vector<std::weak_ptr<core::Endpoint>> endpoints_;
  std::vector<std::shared_ptr<observe::RouteCounts>> routes_;
  std::vector<std::shared_ptr<core::PoolShared>> pools_;
  // Of a pool with limits, in the step before; and since when somebody waits there that there is room for.
  struct Gate {
    std::uint64_t most = core::PoolGate::kUnlimited, in_flight = 0;
    base::Time since{};  // its limit is that
    base::Time could_go_on = base::kNever;
  };
  std::map<const core::PoolGate*, Gate> gates_;
  base::Time crowded_since_ = base::kNever;
  std::map<const core::Endpoint*, base::Time> could_connect_;  // since when, while somebody waits for that
  // Of pools and nodes, in the step before.
  struct Connections {
    std::uint64_t count = 0, most = core::ConnectionBound::kUnlimited;
  };
  std::map<const core::ConnectionBound*, Connections> connections_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<core::Fleet> fleet_;
  core::ReloadGuard guard_;
  std::shared_ptr<const config::Config> given_;     // the latest
  std::shared_ptr<const config::Config> guarded_;   // the latest in force
  bool retreats_ = false;                           // the latest given is not guarded
  std::shared_ptr<const core::Snapshot> snapshot_;  // that the workers have, or soon will
  std::uint64_t refusals_ = 0;                      // for want of a node
  std::uint64_t shed_ = 0;                          // requests
  policy::Overload::Level overload_ = 0;            // in the step before
  std::size_t working_ = 0, drained_ = 0;           // workers
  bool draining_ = false;
  base::Time ended_at_ = base::kNever;
  bool over_ = false;
  base::Time stopped_until_ = base::Time::min();  // by pauses
  std::vector<Watched> watched_;                  // every node that there ever was
  std::vector<Service> services_;                 // where nodes stand in tiers
  // Nodes that operators kept from work when it took over, until they say something else or their time is
  // over.
  std::set<std::string> drained_before_;
  base::Time drained_until_ = base::kNever;  // the first of their times
  std::vector<base::Time> could_come_in_;    // by worker: since when a client waits that there is room for
  TrialCells cells_{};
  std::uint64_t tls_received_ = 0, tls_sent_ = 0;
};

}  // namespace weir::sim
