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
      snapshot_(share(std::make_unique<const core::Snapshot>(config, nodes_, core::ResolvedNames{}))) {}

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
  if (phase_ == Phase::ready) refresh();
}

// Names that are still asked for are waited for, so that many of them make one snapshot.
void Fleet::look() {
  if (phase_ != Phase::waiting || !discovery_.all_asked()) return;
  if (names_are_newer_) refresh();
  if (!making_ && prober_.begun()) be_ready();
}

// It has been waited for long enough; a snapshot with what is known meanwhile follows.
void Fleet::on_timer() {
  be_ready();
  if (names_are_newer_) refresh();
}

void Fleet::be_ready() {
  timer_.cancel();
  phase_ = Phase::ready;
  owner_.on_fleet_ready();
}

void Fleet::refresh() {
  if (making_) return;  // the next one follows it
  names_are_newer_ = false;
  making_ = true;
  background_.run([this, names = discovery_.names()] {
    made_ = std::make_unique<const core::Snapshot>(config_, nodes_, names);
    runtime_.post([this] { on_made(); });
  });
}

void Fleet::on_made() {
  making_ = false;
  if (phase_ == Phase::stopped) return;
  snapshot_ = share(std::move(made_));
  prober_.watch(*snapshot_);
  if (phase_ == Phase::waiting) return look();
  owner_.on_snapshot();
  if (names_are_newer_) refresh();
}

std::shared_ptr<const core::Snapshot> Fleet::share(std::unique_ptr<const core::Snapshot> snapshot) {
  auto end = [this](const core::Snapshot* made) {
    background_.run([this, made = std::shared_ptr<const core::Snapshot>(made)]() mutable {
      made.reset();
      nodes_.drop_unused();
    });
  };
  return {snapshot.release(), end};
}

}  // namespace weir::server
