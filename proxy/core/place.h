// An attempt's place at a node: its Lease there, and, where the pool's requests are limited, its share of
// what the pool has in flight. Given back when the Place dies; the queue hears of it. Two attempts of a
// request may have one share together: the last of their places gives it back. Loop thread only.
#pragma once

#include <optional>
#include <utility>

#include "balancer/node.h"
#include "proxy/core/pool_gate.h"

namespace weir::core {

class Place {
 public:
  Place() = default;
  // Where nothing is limited.
  explicit Place(balancer::Node& node) : lease_(node) {}
  // Within the limits of pool and node, or none.
  static std::optional<Place> take(PoolGate& gate, balancer::Node& node) {
    if (!gate.limits()) return Place(node);
    if (!gate.try_enter()) return std::nullopt;
    if (auto lease = balancer::Lease::try_acquire(node)) return Place(std::move(*lease), gate);
    gate.leave();
    return std::nullopt;
  }

  // Within the node's limit, with the share that `first` has of the pool, if it has one for itself.
  static std::optional<Place> take_beside(Place& first, const PoolGate& gate, balancer::Node& node) {
    if (first.gate_ != &gate || first.partner_ != nullptr) return std::nullopt;
    auto lease = balancer::Lease::try_acquire(node);
    if (!lease) return std::nullopt;
    Place second(std::move(*lease), *first.gate_);
    second.partner_ = &first;
    first.partner_ = &second;
    return second;
  }

  Place(Place&& other) noexcept { take_over(other); }
  Place& operator=(Place&& other) noexcept {
    if (this == &other) return *this;
    release();
    take_over(other);
    return *this;
  }
  ~Place() { release(); }

  // The node's count first: who hears of the pool's place is to find one at the node as well.
  void release() {
    lease_.release();
    if (gate_ != nullptr) [[unlikely]]
      release_share();
  }
  explicit operator bool() const { return static_cast<bool>(lease_); }
  // It was taken while nothing was limited, and counts from now on.
  void count_in(PoolGate& gate) {
    if (!lease_ || gate_ != nullptr || !gate.limits()) return;
    gate.enter_anyway();
    gate_ = &gate;
  }

 private:
  Place(balancer::Lease lease, PoolGate& gate) : lease_(std::move(lease)), gate_(&gate) {}

  void take_over(Place& other) {
    lease_ = std::move(other.lease_);
    gate_ = std::exchange(other.gate_, nullptr);
    partner_ = std::exchange(other.partner_, nullptr);
    if (partner_ != nullptr) partner_->partner_ = this;
  }
  // Where the partner keeps it, somebody may wait for the node's place alone.
  void release_share() {
    PoolGate& gate = *std::exchange(gate_, nullptr);
    if (partner_ == nullptr) return gate.leave();
    std::exchange(partner_, nullptr)->partner_ = nullptr;
    gate.poke();
  }

  balancer::Lease lease_;
  PoolGate* gate_ = nullptr;
  Place* partner_ = nullptr;  // that has the same share
};

}  // namespace weir::core
