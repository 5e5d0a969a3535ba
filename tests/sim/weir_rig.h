// Weir in a trial: its workers' data paths and its fleet, each on a loop of its own, unchanged. What the
// server does around them in production (threads, sockets, signals) the rig does with the world's means.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/core/acceptor.h"
#include "proxy/core/data_path.h"
#include "proxy/core/fleet.h"
#include "proxy/core/reload_guard.h"
#include "tests/sim/sim_runtime.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

class WeirRig final : core::FleetOwner, core::ReloadGuardOwner {
 public:
  WeirRig(SimWorld& world, const TrialPlan& plan, const std::vector<io::Address>& nodes, TrialBook& book);
  ~WeirRig();
  WeirRig(const WeirRig&) = delete;
  WeirRig& operator=(const WeirRig&) = delete;

  const io::Address& address() const { return address_; }
  void swap();    // gives the fleet another configuration
  void rename();  // the nodes' name has other addresses from now on, or their pool another name
  bool lists(const io::Address& node) const;  // by its address, in the latest configuration
  void set_operator(const io::Address& node, balancer::Operator state);
  void drain_for(const io::Address& node, base::Duration time);  // an operator's word for the time being
  void move_entrances();  // who polls the listening socket is drawn anew
  void set_descriptors(bool free);
  void pause(base::Duration span);
  void drain();
  void add_cells(TrialCells& to) const;  // of the exchanges' table, of all workers
  bool drained() const;
  // What may never be, at any step of the world.
  void check_step();
  // Everything that must be nothing once it is drained, and what must add up.
  void check_balance();

 private:
  class Worker;
  // What the exchanges leave: a span each, and one for each attempt.
  class Records final : public observe::SpanSink {
   public:
    explicit Records(TrialBook& book) : book_(book) {}
    void take(observe::SpanBatch batch) override;
    void on_dropped(std::uint64_t spans) override { book_.broken("{} records were dropped", spans); }

    // Of everything there are as many records as are counted; `nodes` are all that there ever were, none
    // twice.
    void check_routes(const std::vector<std::shared_ptr<observe::RouteCounts>>& routes);
    void check_refused(const observe::ListenerCounts& listener);
    void check_nodes(const std::vector<std::weak_ptr<core::Endpoint>>& nodes);

   private:
    struct Sums {
      std::array<std::uint64_t, observe::StatusClasses::kNames.size()> answers{};  // by first digit
      std::array<std::uint64_t, observe::Reasons::kSize> reasons{};
      std::uint64_t of(base::Reason reason) const { return reasons[static_cast<std::size_t>(reason)]; }
    };
    static void add(const observe::Span& span, Sums& to);
    void compare(std::string_view what, std::uint64_t recorded, std::uint64_t counted);

    TrialBook& book_;
    Sums routed_, attempts_;
    std::uint64_t no_node_ = 0, repeated_ = 0;
  };

  // The thread that makes snapshots.
  class Maker final : public base::Executor {
   public:
    explicit Maker(SimWorld& world) : runtime_(world) {}
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

  config::Config draw_config();
  std::vector<config::Node> draw_nodes();
  void configure();
  void on_fleet_ready() override;
  void on_snapshot() override;
  void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) override;
  void on_guard_over() override;
  void on_guard_failed(const std::string& why) override;
  void guard(const std::shared_ptr<const core::Snapshot>& snapshot);
  std::vector<core::Entrance> entrances() const { return {{socket_, listener_}}; }
  void watch(const core::SnapshotPool& pool);
  void check_made_before_broken(const core::SnapshotPool& before, const core::SnapshotPool& pool);
  void check_barred();
  void check_refusals();
  bool has_been_open() const;
  void check_waiting();
  void check_idle();
  void check_leases();
  void check_bytes();
  void check_records();
  void check_connects();

  SimWorld& world_;
  const TrialPlan& plan_;
  const std::vector<io::Address> nodes_;
  TrialBook& book_;
  Records records_{book_};
  SimRandom random_;
  io::Address address_;
  std::shared_ptr<const io::ListenSocket> socket_;
  core::SharedCounts counts_;
  std::shared_ptr<observe::ListenerCounts> listener_;
  SimRuntime control_;
  Maker maker_;
  config::Config config_;                                // the latest, but for what operators say
  std::map<std::string, balancer::Operator> operators_;  // by node; those that are not active
  std::vector<std::weak_ptr<const core::Snapshot>> published_;
  std::vector<std::weak_ptr<core::Endpoint>> endpoints_;
  std::vector<std::shared_ptr<observe::RouteCounts>> routes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<core::Fleet> fleet_;
  core::ReloadGuard guard_;
  std::shared_ptr<const config::Config> guarded_;   // the latest in force
  config::Config confirmed_;                        // to which it goes back
  bool retreats_ = false;                           // it does, with the next configuration
  std::shared_ptr<const core::Snapshot> snapshot_;  // that the workers have, or soon will
  std::size_t swaps_ = 0;
  std::uint64_t steps_ = 0;
  std::uint64_t refusals_ = 0;  // for want of a node
  bool draining_ = false;
  std::size_t drained_ = 0;                       // workers
  base::Time stopped_until_ = base::Time::min();  // by pauses
  std::vector<Watched> watched_;                  // every node that there ever was
  std::vector<base::Time> could_come_in_;  // by worker: since when a client waits that there is room for
};

}  // namespace weir::sim
