// The exchange that lives to see another configuration come into force. Until its node answers it goes by
// that: nodes that were taken away are there no longer, and those that replace them are.
#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/policy/affinity.h"

namespace weir::core {

// The configuration may have become another one meanwhile, and the nodes of the old one may be gone.
void Exchange::on_collected() {
  collecting_ = false;
  if (!path_.is_current(*generation_)) {
    path_.unpin(*std::exchange(generation_, &path_.pin()));
    route_ = nullptr;
    pool_ = nullptr;
    timeouts_ = nullptr;
    if (!find_route()) return reply_no_route();
    pool_ = &generation_->pools[route_->pool];
  }
  enter_pool();
}

// What was tried once stays with its route, by its name: what the client called the host may be gone from its
// head by now.
Exchange::Present Exchange::find_present() const {
  Generation& present = path_.current();
  const Snapshot& snapshot = *present.snapshot;
  const std::string& name = generation_->snapshot->config.routes[route_->config].name;
  const auto route = std::find_if(
      snapshot.routes.begin(), snapshot.routes.end(),
      [&](const SnapshotRoute& each) { return snapshot.config.routes[each.config].name == name; });
  if (route == snapshot.routes.end()) return {};
  Pool& pool = present.pools[route->pool];
  if ((web_ || endless_request_) && !pool.carries_calls()) return {};
  return {&*route, &pool};
}

// Not only by the snapshot that this one goes by.
bool Exchange::is_present(std::size_t node) const {
  const Present present = find_present();
  if (present.pool == nullptr) return true;
  const auto at = present.pool->find(pool_->endpoint(node));
  return at && *at < present.pool->size();
}

bool Exchange::has_present_node() const {
  const Present present = find_present();
  if (present.pool == nullptr) return false;
  auto tried = tried_;
  present.pool->translate(*pool_, tried);
  return present.pool->trusts_any(tried);
}

// Between two tries. Without a place there it stays where it is.
void Exchange::follow(const Present& present) {
  if (present.pool == nullptr) return;
  route_ = present.route;
  timeouts_ = &route_->timeouts;
  *client_pace_ = {timeouts_->body, timeouts_->min_rate};
  Generation& before = *std::exchange(generation_, &path_.pin());
  enter(*present.pool);
  path_.unpin(before);
}

// Nothing of its own is one of the pool before any more.
void Exchange::enter(Pool& pool) {
  if (session_.node) session_.node = pool.find(pool_->endpoint(*session_.node));
  next_node_.reset();
  if (!tried_.empty()) {
    if (try_->node != Pool::kElsewhere) left_ = pool_->connections(try_->node).share_endpoint();
    pool.translate(*pool_, tried_);
    pool.translate(*pool_, {&try_->node, 1});
    same_node_ &= try_->node != Pool::kElsewhere;
  }
  pool_ = &pool;
  if (pool_->takes_key()) affinity_ = policy::affinity(pool_->config().hash, request_, client_ip_);
}

// While it waits in a queue. False: it is over, or waits elsewhere.
bool Exchange::renew() {
  if (tried_.empty()) return renew_first();
  const Present present = find_present();
  if (present.pool == nullptr) return true;
  const bool stays = present.pool->shares_with(*pool_);
  if (!stays) leave_queue();
  follow(present);
  if (!stays) choose();
  return stays;
}

// Before its first try.
bool Exchange::renew_first() {
  Generation& before = *std::exchange(generation_, &path_.pin());
  if (!find_route()) {
    leave_queue();
    pool_ = nullptr;
    route_ = nullptr;
    timeouts_ = nullptr;
    path_.unpin(before);
    reply_no_route();
    return false;
  }
  Pool& pool = generation_->pools[route_->pool];
  const bool stays = pool.shares_with(*pool_);
  if (!stays) leave_queue();
  enter(pool);
  path_.unpin(before);
  if (web_ && !pool.carries_calls()) {  // it was made one of gRPC, for nodes that take those
    leave_queue();
    reply_no_node();
    return false;
  }
  if (!stays) choose();
  return stays;
}

void Exchange::let_go_of_old_snapshot() {
  if (state_ != State::Relaying && state_ != State::Tunnel) return;
  if (!generation_ || path_.is_current(*generation_)) return;
  const std::string& route = generation_->snapshot->config.routes[route_->config].name;
  kept_ = std::make_unique<Kept>(
      Kept{*timeouts_, route_->counts, route, pool_->config().name, std::string(node_name())});
  timeouts_ = &kept_->timeouts;
  route_ = nullptr;
  pool_ = nullptr;
  path_.unpin(*std::exchange(generation_, nullptr));
}

}  // namespace weir::core
