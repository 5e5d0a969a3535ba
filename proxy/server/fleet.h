// The nodes behind Weir: which there are (as configured, host names resolved), how they are (their checks),
// and the snapshot that lists them. Snapshots are made and destroyed by a thread of their own, since large
// ones take long. Owned by the supervisor; control thread only.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/base/background.h"
#include "proxy/config/config.h"
#include "proxy/core/discovery.h"
#include "proxy/core/prober.h"
#include "proxy/core/snapshot.h"
#include "proxy/io/runtime.h"

namespace weir::server {

class FleetOwner {
 public:
  // Clients may come: the snapshot lists what there is, and what can be known of it at once is known. Said
  // once, before anything else.
  virtual void on_fleet_ready() = 0;
  virtual void on_snapshot() = 0;  // another one is in force
  virtual void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) = 0;

 protected:
  ~FleetOwner() = default;
};

class Fleet final : io::TimerHandler {
 public:
  // So long clients wait at most, in the listening sockets' queues, for names to be resolved and nodes to be
  // checked.
  static constexpr base::Duration kWait = std::chrono::seconds(1);

  // `workers` carry its traffic; of checks there are `most_checks` at once.
  Fleet(io::Runtime& runtime, const config::Config& config, FleetOwner& owner, std::size_t workers,
        std::uint64_t seed, std::size_t most_checks);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // The fleet is ready when each name has been asked for, and in each pool that is checked a node is up or
  // each has been asked; after kWait in any case; perhaps before this returns.
  void start();
  void stop();  // no check and no news from now on
  const std::shared_ptr<const core::Snapshot>& snapshot() const { return snapshot_; }

 private:
  enum class Phase : std::uint8_t { waiting, ready, stopped };

  void on_timer() override;
  void on_names_changed();
  void look();
  void be_ready();
  void refresh();
  void on_made();
  // From now on its end is the background's work, whoever lets go of it last.
  std::shared_ptr<const core::Snapshot> share(std::unique_ptr<const core::Snapshot> snapshot);

  io::Runtime& runtime_;
  const config::Config& config_;
  FleetOwner& owner_;
  io::Timer timer_;                             // the end of the wait
  core::NodeTable nodes_;                       // the background's, once it has been started
  std::unique_ptr<const core::Snapshot> made_;  // by the background; the control thread's once it hears of it
  base::Background background_;                 // where snapshots are made, and where they end
  core::Discovery discovery_;
  core::Prober prober_;
  std::shared_ptr<const core::Snapshot> snapshot_;
  Phase phase_ = Phase::waiting;
  bool names_are_newer_ = false;  // than the snapshot, and than the one that is being made
  bool making_ = false;
};

}  // namespace weir::server
