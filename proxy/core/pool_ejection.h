// What workers need to know to eject a node of one pool: after how many failures, and whether one more may be
// out. At most so many are at a time, counted over all workers. Part of PoolShared; any
// thread, but for what says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "balancer/node_set.h"
#include "proxy/core/node_news.h"

namespace weir::core {

class PoolEjection {
 public:
  struct Rules {
    std::uint32_t connect_failures = 0;  // in a row; 0: off
    std::uint32_t gateway_errors = 0;    // likewise
    std::uint32_t most = 0;              // nodes that may be out at a time
    std::uint32_t panic = 0;             // percent of nodes that a lent place may not take the pool below
  };

  explicit PoolEjection(NodeDesk desk) : desk_(std::move(desk)) {}

  // Control thread: a snapshot has come into force.
  void use(const Rules& rules, std::shared_ptr<const balancer::NodeSet> nodes);

  std::uint32_t connect_failures() const { return connect_failures_.load(std::memory_order_relaxed); }
  std::uint32_t gateway_errors() const { return gateway_errors_.load(std::memory_order_relaxed); }
  std::uint32_t most() const { return most_.load(std::memory_order_relaxed); }
  std::uint32_t out() const { return out_.load(std::memory_order_relaxed); }

  // Takes the node out, if there is a place for one more and another node takes requests, and is not held
  // back; by a hard verdict also where the others are, or where another is out by a soft one, which is to be
  // brought back for it. One at a time, so that no two take each other for the one that stays.
  bool eject(balancer::Node& node, balancer::Verdict verdict);
  void take_place_anyway() { out_.fetch_add(1, std::memory_order_relaxed); }
  void give_back() { out_.fetch_sub(1, std::memory_order_relaxed); }
  // Control thread: one that is out lends its place to another, or no longer.
  void lend() { ++lent_, give_back(); }
  void take_lent_back() { --lent_, take_place_anyway(); }
  void end_loan() { --lent_; }  // it is back in service
  // The same for one that is out by a soft verdict, and may serve in spite of it: by a hard one from now on.
  bool harden(balancer::Node& node);

  void tell(NodeNews news) const {
    if (desk_) desk_(std::move(news));
  }

 private:
  // Under the lock.
  bool serves_without(const balancer::Node& node, balancer::Verdict verdict) const;
  bool may_replace_another(const balancer::Node& node) const;
  bool keeps_the_floor_without(const balancer::Node& node) const;

  const NodeDesk desk_;
  std::atomic<std::uint32_t> connect_failures_{0}, gateway_errors_{0}, most_{0}, panic_{0}, out_{0}, lent_{0};
  mutable std::mutex mutex_;  // taken where a node is to be ejected, which is rare; guards what follows
  std::shared_ptr<const balancer::NodeSet> nodes_;
};

}  // namespace weir::core
