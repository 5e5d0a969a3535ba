// What the control thread does about nodes whose conduct is bad: it hears from workers which they have
// ejected, keeps them out, brings them back, compares the nodes of each pool with each other, keeps the panic
// floor, and lets nodes start slowly. It tells changes of words where the prober does. Owned by the fleet;
// control thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/core/ejected_node.h"
#include "proxy/core/outlier_watch.h"
#include "proxy/core/panic_floor.h"
#include "proxy/core/prober.h"
#include "proxy/core/slow_start.h"

namespace weir::core {

class Ejector final : io::TimerHandler, NodeChangeWitness {
 public:
  explicit Ejector(Prober& prober);
  Ejector(const Ejector&) = delete;
  Ejector& operator=(const Ejector&) = delete;
  ~Ejector();

  // A snapshot has come into force: its pools' rules hold, and nodes that are not on it any more are let go.
  void watch(std::shared_ptr<const Snapshot> snapshot);
  void hear(const NodeNews& news);
  void stop();  // nobody is brought back from now on

 private:
  void on_timer() override;
  void look();
  void on_noted(const std::string& pool, const std::shared_ptr<Endpoint>& endpoint) override;
  void share_place(const std::shared_ptr<Endpoint>& endpoint);
  void watch(const SnapshotPool& pool, const config::Pool& config);
  void let_go(const SnapshotPool& pool);
  void bring_back_instead(const SnapshotPool& pool);
  void bring_back_beyond(const SnapshotPool& pool, balancer::Verdict verdict);
  void recall_in_need(const SnapshotPool& pool);
  bool is_in_need(const SnapshotPool& pool) const;
  EjectedNode& ejected(const std::shared_ptr<Endpoint>& endpoint);

  // Where a node is listed.
  struct Place {
    std::size_t pool;  // index in Snapshot::pools
    std::size_t node;
  };

  Prober& prober_;
  io::Timer timer_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unordered_map<const Endpoint*, Place> places_;
  std::map<std::string, std::shared_ptr<const EjectionPlan>> plans_;
  std::unordered_map<const Endpoint*, std::unique_ptr<EjectedNode>, ByText> nodes_;
  OutlierWatch outliers_;
  unsigned glances_ = 0;
  PanicFloor floor_;
  SlowStart slow_start_;
};

}  // namespace weir::core
