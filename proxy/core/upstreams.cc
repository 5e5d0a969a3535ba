#include "proxy/core/upstreams.h"

namespace weir::core {

void Upstreams::begin() {
  ++snapshot_;
  listed_ = 0;
}

// A node that takes no new work keeps no idle connections.
ConnectionPool& Upstreams::list(const std::shared_ptr<Endpoint>& endpoint, const ConnectionTerms& terms) {
  const auto [place, is_new] = places_.try_emplace(endpoint.get(), all_.size());
  if (is_new)
    all_.push_back({std::make_unique<ConnectionPool>(runtime_, scratch_, tls_scratch_, endpoint, worker_)});
  auto& [connections, listed] = all_[place->second];
  connections->configure(terms);
  if (!endpoint->node->eligible()) connections->close_idle();
  if (listed != snapshot_) ++listed_;
  listed = snapshot_;
  return *connections;
}

void Upstreams::retire_others(base::Duration drain_timeout) {
  if (listed_ == all_.size()) return;
  for (const auto& [connections, listed] : all_)
    if (listed != snapshot_) connections->retire(drain_timeout);
}

std::vector<const Endpoint*> Upstreams::unused() const {
  std::vector<const Endpoint*> unused;
  if (listed_ == all_.size()) return unused;
  for (const auto& [connections, listed] : all_)
    if (listed != snapshot_ && connections->empty()) unused.push_back(&connections->endpoint());
  return unused;
}

void Upstreams::drop(const Endpoint& endpoint) {
  const auto found = places_.find(&endpoint);
  Upstream& hole = all_[found->second];
  if (&hole != &all_.back()) {
    places_[&all_.back().connections->endpoint()] = found->second;
    std::swap(hole, all_.back());
  }
  places_.erase(found);
  all_.pop_back();
}

ConnectionPool* Upstreams::find(const Endpoint& endpoint) {
  const auto found = places_.find(&endpoint);
  return found != places_.end() ? all_[found->second].connections.get() : nullptr;
}

void Upstreams::close_idle() {
  for (const Upstream& each : all_) each.connections->close_idle();
}

void Upstreams::clear() {
  places_.clear();
  all_.clear();
}

}  // namespace weir::core
