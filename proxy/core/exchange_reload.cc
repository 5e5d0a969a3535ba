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
    if (is_denied(*route_)) return deny();
    pool_ = &generation_->pools[route_->pool];
  }
  enter_pool();
}

// As if it came now.
Exchange::Present Exchange::find_present() const {
  Generation& present = path_.current();
  const auto index = route_in(*present.snapshot);
  if (!index) return {};
  const SnapshotRoute& route = present.snapshot->routes[*index];
  Pool& pool = present.pools[route.pool];
  if (is_denied(route) || !is_carried_by(pool)) return {};
  return {&route, &pool};
}

// What is a call of gRPC, or was made one, goes to nodes that take those.
bool Exchange::is_carried_by(const Pool& pool) const {
  return pool.carries_calls() || (!web_ && !endless_request_);
}

bool Exchange::is_stale() const {
  return generation_ != nullptr && !path_.is_current(*generation_) && pool_ != nullptr &&
         (state_ == State::Choosing || state_ == State::Trying);
}

// Whenever it has something to decide. False: there is no place for it; what it has under way goes on, and
// nothing is begun any more.
bool Exchange::follow(const Present& present) {
  if (present.pool == nullptr) return false;
  take_route(*present.route);
  Generation& before = *std::exchange(generation_, &path_.pin());
  enter(*present.pool);
  path_.unpin(before);
  return true;
}

// Nothing of its own is one of the pool before any more.
void Exchange::enter(Pool& pool) {
  if (session_.node) session_.node = pool.find(pool_->endpoint(*session_.node));
  next_node_.reset();
  pool.carry_over(*pool_, tried_);
  if (!tried_.empty() || try_->attempt.live())
    for (Try& each : tries_) carry_over(each, pool);
  pool_ = &pool;
  if (pool_->takes_key()) affinity_ = policy::affinity(pool_->config().hash, request_, client_ip_);
}

// One that is over has a name yet, if it is the latest. Its node may be there again.
void Exchange::carry_over(Try& each, const Pool& to) {
  if (&each != try_ && !each.attempt.live()) return;
  if (each.node != Pool::kElsewhere) each.left = pool_->endpoint(each.node).shared_from_this();
  each.node = to.index_of(*each.left);
  if (each.node == Pool::kElsewhere || std::find(tried_.begin(), tried_.end(), each.node) != tried_.end())
    return;
  const auto lost = std::find(tried_.begin(), tried_.end(), Pool::kElsewhere);
  if (lost != tried_.end()) *lost = each.node;
}

// While it waits in a queue. False: it is over, or waits elsewhere.
bool Exchange::renew() {
  if (tried_.empty()) return renew_first();
  const Present present = find_present();
  const bool stays = present.pool != nullptr && present.pool->shares_with(*pool_);
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
  const bool is_carried = is_carried_by(pool);
  if (!is_carried || is_denied(*route_)) {
    if (stays) leave_queue();
    if (is_carried)
      deny();
    else
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
