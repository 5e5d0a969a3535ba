// The nodes behind Weir: which there are (as configured, host names resolved), how they are (their checks),
// and the snapshot that lists them. Another configuration, or other addresses of a name, become a snapshot in
// steps, each in its time, one change after the other:
//
//   resting -> naming (new names are looked up) -> making (in the background, since large ones take long)
//   -> checking (until each new pool has a node that is up, or each of its nodes has been asked) -> in force
//
// naming and checking together last kWait at most. Owned by the supervisor; control thread only, but for what
// the executor does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "proxy/base/executor.h"
#include "proxy/config/config.h"
#include "proxy/core/discovery.h"
#include "proxy/core/ejector.h"
#include "proxy/core/prober.h"
#include "proxy/core/snapshot.h"
#include "proxy/io/runtime.h"

namespace weir::core {

class FleetOwner {
 public:
  // Clients may come: the snapshot lists what there is, and what can be known of it at once is known. Said
  // once, before anything else.
  virtual void on_fleet_ready() = 0;
  virtual void on_snapshot() = 0;  // another one is in force
  virtual void on_nodes_changed(std::shared_ptr<const NodeChanges> changes) = 0;

 protected:
  ~FleetOwner() = default;
};

class Fleet final : io::TimerHandler {
 public:
  // So long clients wait at most, in the listening sockets' queues, for names to be resolved and nodes to be
  // checked; and a new configuration for the same.
  static constexpr base::Duration kWait = std::chrono::seconds(1);

  // `workers` carry its traffic at first; of checks there are `most_checks` at once. `legacy` is what another
  // process knew of the nodes. The executor outlives the fleet and its snapshots.
  Fleet(io::Runtime& runtime, base::Executor& executor, std::shared_ptr<const config::Config> config,
        FleetOwner& owner, std::size_t workers, std::uint64_t seed, std::size_t most_checks,
        Legacy legacy = {});
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // The fleet is ready when each name has been asked for, and in each pool that is checked a node is up or
  // each has been asked; after kWait in any case; perhaps before this returns.
  void start();
  // The nodes are as this configuration says from the snapshot on that follows, but for operators' words.
  // Nodes that were removed serve on for `reload.guard` at most, where no other node of their pool takes
  // requests. `reason` is for the nodes' histories: who wants it.
  void configure(std::shared_ptr<const config::Config> config, std::string reason);
  // The same of operators' words for the time being. They are counted: overrides_in_force() reaches what this
  // returns once they are in force.
  std::uint64_t override_nodes(Overrides overrides, std::string reason);
  void stop();  // no check and no news from now on
  const std::shared_ptr<const Snapshot>& snapshot() const { return snapshot_; }
  // What the snapshot was made of: the one given to configure() last, once it is in force.
  const std::shared_ptr<const config::Config>& config() const { return in_force_.config; }
  const ResolvedNames& names() const { return discovery_.names(); }
  const Overrides& overrides() const { return *wanted_.overrides; }  // as given last
  std::uint64_t overrides_in_force() const { return in_force_.revision; }
  const std::string& sticky_secret() const { return workshop_->nodes.sticky_secret; }

 private:
  enum class Phase : std::uint8_t { waiting, ready, stopped };
  enum class Step : std::uint8_t { resting, naming, making, checking };

  // What the executor works with; it may do so when the fleet has gone.
  struct Workshop {
    Workshop(std::size_t workers, KnownNodes known, NodeDesk desk, std::string sticky_secret)
        : nodes(workers, std::move(known), std::move(desk), std::move(sticky_secret)) {}
    NodeTable nodes;
  };
  // What a snapshot is made of.
  struct Plan {
    std::shared_ptr<const config::Config> config;
    std::shared_ptr<const Overrides> overrides;
    std::uint64_t revision = 0;  // of the overrides
    std::string reason;
  };
  // The end of what some operator has said.
  class Ending final : public io::TimerHandler {
   public:
    explicit Ending(Fleet& fleet) : fleet_(fleet), timer_(fleet.runtime_.timers(), *this) {}
    void set(base::Time at) { timer_.set(at); }

   private:
    void on_timer() override { fleet_.on_overrides_over(); }
    Fleet& fleet_;
    io::Timer timer_;
  };
  // The end of the time that nodes which were removed have.
  class Keeping final : io::TimerHandler {
   public:
    explicit Keeping(Fleet& fleet) : fleet_(fleet), timer_(fleet.runtime_.timers(), *this) {}
    void begin(base::Duration time) {
      if (timer_.at() == base::kNever) timer_.set(base::deadline(fleet_.runtime_.now(), time));
    }
    void end() { timer_.cancel(); }

   private:
    void on_timer() override { fleet_.on_kept_for_long(); }
    Fleet& fleet_;
    io::Timer timer_;
  };

  void on_timer() override;
  NodeDesk desk();
  void on_names_changed();
  void on_changes(std::shared_ptr<const NodeChanges> changes);
  void on_kept_for_long();
  void on_overrides_over();
  void change();
  void advance();
  void make();
  void on_made(std::unique_ptr<const Snapshot> made);
  void enter_into_force();
  void set_operators();
  void set_operators(bool (*which)(balancer::Operator));
  void set_operator(const SnapshotPool& pool, std::size_t index);
  void note_weights();
  void note_bounds();
  void note_bounds(const SnapshotPool& pool, std::size_t index);
  bool may_let_go() const;
  // From now on its end is the executor's work, whoever lets go of it last.
  std::shared_ptr<const Snapshot> share(std::unique_ptr<const Snapshot> snapshot) const;

  io::Runtime& runtime_;
  base::Executor& executor_;
  FleetOwner& owner_;
  Plan wanted_;  // the latest that was given
  Plan next_;    // of what is being made, or checked
  Plan in_force_;
  const std::shared_ptr<Fleet*> self_;  // held weakly by what the executor and the workers bring back
  const std::shared_ptr<Workshop> workshop_;
  io::Timer timer_;  // the end of the wait
  Discovery discovery_;
  Prober prober_;
  Ejector ejector_;
  Keeping keeping_;
  Ending ending_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::shared_ptr<const Snapshot> next_snapshot_;  // while it is being checked
  Phase phase_ = Phase::waiting;
  Step step_ = Step::resting;
  bool changed_ = false;  // since the snapshot that was made last, or is being made
  bool late_ = false;     // it has been waited for long enough
  bool let_go_ = false;   // nodes that were removed have served on for long enough
};

}  // namespace weir::core
