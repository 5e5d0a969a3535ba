#include "proxy/core/upstreams.h"

namespace weir::core {

void Upstreams::begin() {
  ++snapshot_;
  listed_ = 0;
}

// A node that takes no new work keeps no idle connections.
ConnectionPool& Upstreams::list(const std::shared_ptr<Endpoint>& endpoint, const ConnectionTerms& terms) {
  ConnectionPool& connections = place(endpoint);
  connections.configure(terms);
  if (!endpoint->node->eligible()) connections.close_idle();
  return connections;
}

ConnectionPool& Upstreams::list_parting(const std::shared_ptr<Endpoint>& endpoint,
                                        const ConnectionTerms& terms, base::Duration left) {
  ConnectionPool& connections = place(endpoint);
  if (connections.retired()) return connections;
  connections.configure(terms);
  connections.retire(left);
  return connections;
}

ConnectionPool& Upstreams::place(const std::shared_ptr<Endpoint>& endpoint) {
  const auto [place, is_new] = places_.try_emplace(endpoint.get(), all_.size());
  if (is_new)
    all_.push_back(
        {std::make_unique<ConnectionPool>(runtime_, slots_, scratch_, tls_scratch_, endpoint, worker_)});
  auto& [connections, listed] = all_[place->second];
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

std::unique_ptr<ConnectionPool> Upstreams::take(const Endpoint& endpoint) {
  const auto found = places_.find(&endpoint);
  Upstream& hole = all_[found->second];
  if (&hole != &all_.back()) {
    places_[&all_.back().connections->endpoint()] = found->second;
    std::swap(hole, all_.back());
  }
  places_.erase(found);
  auto connections = std::move(all_.back().connections);
  all_.pop_back();
  return connections;
}

ConnectionPool* Upstreams::find(const Endpoint& endpoint) {
  const auto found = places_.find(&endpoint);
  return found != places_.end() ? all_[found->second].connections.get() : nullptr;
}

void Upstreams::close_idle() {
  for (const Upstream& each : all_) each.connections->close_idle();
}

// Where the node has all it may, only its own do; where the pool has, all of it.
template <class F>
void Upstreams::each_in_the_way(const Endpoint& wanted, F&& f) {
  if (!wanted.connections.has_room()) {
    if (ConnectionPool* own = find(wanted)) f(*own);
    return;
  }
  if (wanted.pool->connections.has_room()) return;
  for (const Upstream& each : all_)
    if (each.connections->endpoint().pool == wanted.pool) f(*each.connections);
}

bool Upstreams::give_up_idle(const Endpoint& wanted) {
  bool gave = false;
  each_in_the_way(wanted, [&](ConnectionPool& each) { gave = gave || each.give_up_idle(); });
  return gave;
}

bool Upstreams::give_up_idle_of(const Endpoint& endpoint) {
  ConnectionPool* connections = find(endpoint);
  return connections != nullptr && connections->give_up_idle();
}

bool Upstreams::give_up_shared(const Endpoint& wanted) {
  bool gave = false;
  each_in_the_way(wanted, [&](ConnectionPool& each) { gave = gave || each.give_up_shared(); });
  if (!gave) each_in_the_way(wanted, [&](ConnectionPool& each) { gave = gave || each.leave_again(); });
  return gave;
}

void Upstreams::give_up_spare_of(const Endpoint& endpoint) {
  ConnectionPool* connections = find(endpoint);
  if (connections != nullptr && connections->shared() > 1) connections->give_up_shared();
}

void Upstreams::count_guests_in() {
  for (const Upstream& each : all_) each.connections->count_guests_in();
}

void Upstreams::clear() {
  places_.clear();
  all_.clear();
}

}  // namespace weir::core
