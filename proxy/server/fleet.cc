#include "proxy/server/fleet.h"

#include <utility>

namespace weir::server {

Fleet::Fleet(io::Runtime& runtime, const config::Config& config, FleetOwner& owner, std::size_t workers,
             std::uint64_t seed, std::size_t most_checks)
    : runtime_(runtime),
      config_(config),
      owner_(owner),
      timer_(runtime.timers(), *this),
      nodes_(workers),
      discovery_(
          runtime, [this] { on_names_changed(); }, [this] { look(); }),
      prober_(
          runtime, seed, most_checks,
          [this](std::shared_ptr<const core::NodeChanges> changes) {
            if (phase_ == Phase::ready) owner_.on_nodes_changed(std::move(changes));
          },
          [this] { look(); }),
      snapshot_(make_snapshot()) {}

Fleet::~Fleet() = default;

void Fleet::start() {
  discovery_.watch(config_);
  prober_.watch(*snapshot_);
  timer_.set(base::deadline(runtime_.now(), kWait));
  look();
}

void Fleet::stop() {
  phase_ = Phase::stopped;
  timer_.cancel();
  prober_.stop();
}

void Fleet::on_names_changed() {
  names_are_newer_ = true;
  if (phase_ == Phase::waiting) return look();
  if (phase_ == Phase::stopped) return;
  refresh();
  owner_.on_snapshot();
}

// Names that are still asked for are waited for, so that many of them make one snapshot.
void Fleet::look() {
  if (phase_ != Phase::waiting || !discovery_.all_asked()) return;
  if (names_are_newer_) refresh();
  if (prober_.begun()) be_ready();
}

void Fleet::on_timer() {
  if (names_are_newer_) refresh();
  be_ready();
}

void Fleet::be_ready() {
  timer_.cancel();
  phase_ = Phase::ready;
  owner_.on_fleet_ready();
}

void Fleet::refresh() {
  names_are_newer_ = false;
  snapshot_ = make_snapshot();
  prober_.watch(*snapshot_);
}

// It may be large, so whoever lets go of it last, its end is the control thread's work.
std::shared_ptr<const core::Snapshot> Fleet::make_snapshot() {
  auto end = [this](const core::Snapshot* made) {
    runtime_.post([this, made = std::shared_ptr<const core::Snapshot>(made)]() mutable {
      made.reset();
      nodes_.drop_unused();
    });
  };
  return {new core::Snapshot(config_, nodes_, discovery_.names()), end};
}

}  // namespace weir::server
