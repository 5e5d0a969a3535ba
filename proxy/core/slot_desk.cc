#include "proxy/core/slot_desk.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "proxy/core/upstreams.h"

namespace weir::core {

void SlotHolder::seek_slot(SlotDesk& desk, Endpoint& endpoint) {
  desk_ = &desk;
  endpoint_ = &endpoint;
  desk.seek(*this);
}

void SlotHolder::give_slot_up() {
  if (desk_ == nullptr) return;
  SlotDesk& desk = *std::exchange(desk_, nullptr);
  if (awaits_slot()) return desk.end_wait(*this);
  desk.release(*endpoint_);
}

SlotDesk::SlotDesk(io::Runtime& runtime, SlotDesks& desks, Upstreams& upstreams)
    : runtime_(runtime), desks_(desks), upstreams_(upstreams), timer_(runtime.timers(), *this) {
  desks_.enter(*this);
}

SlotDesk::~SlotDesk() {
  desks_.leave(*this);
}

// The node is looked at first, so that in vain nobody takes a share of the pool's that another one misses
// meanwhile: where the node's was lost to somebody, who missed the pool's is told.
bool SlotDesk::take(Endpoint& endpoint) {
  PoolShared& pool = *endpoint.pool;
  if (!endpoint.connections.has_room() || !pool.connections.try_enter()) return false;
  if (endpoint.connections.try_enter()) return true;
  pool.connections.leave();
  if (pool.connections.is_waited_for()) desks_.tell_all();
  return false;
}

// Who waits for another node does so for the pool's, or this is none of its business.
void SlotDesk::release(Endpoint& endpoint) {
  PoolShared& pool = *endpoint.pool;
  endpoint.connections.leave();
  pool.connections.leave();
  const bool bounds_all = pool.connections.most() != ConnectionBound::kUnlimited;
  if (endpoint.connections.is_waited_for() || (bounds_all && pool.connections.is_waited_for()))
    desks_.tell_all();
}

// Own idle connections first: those of others cost a message. Who comes later stands behind those that wait.
// Once it is known to wait it tries again, since a slot may have come free before.
void SlotDesk::seek(SlotHolder& holder) {
  Endpoint& endpoint = *holder.endpoint_;
  if (!endpoint.connections.is_waited_for()) {
    if (take(endpoint)) return holder.on_slot();
    while (upstreams_.give_up_idle(endpoint))
      if (take(endpoint)) return holder.on_slot();
  }
  begin_wait(holder);
  if (desks_.is_first(endpoint, holder.ticket_) && take(endpoint)) {
    end_wait(holder);
    return holder.on_slot();
  }
  wish(endpoint);
}

void SlotDesk::begin_wait(SlotHolder& holder) {
  if (waiting_.empty()) timer_.set(runtime_.now() + kLook);
  waiting_.push_back(holder);
  holder.ticket_ = desks_.join(*holder.endpoint_);
  holder.endpoint_->connections.add_waiter();
  holder.endpoint_->pool->connections.add_waiter();
}

// The next in line may have looked already, in vain.
void SlotDesk::end_wait(SlotHolder& holder) {
  const ConnectionBound &node = holder.endpoint_->connections, &pool = holder.endpoint_->pool->connections;
  holder.base::ListHook<SlotTag>::unlink();
  desks_.quit(*holder.endpoint_, holder.ticket_);
  holder.endpoint_->connections.remove_waiter();
  holder.endpoint_->pool->connections.remove_waiter();
  if (waiting_.empty()) timer_.cancel();
  if (node.is_waited_for() && node.has_room() && pool.has_room()) desks_.tell_all();
}

// Where somebody else was faster, who still waits asks for another one.
void SlotDesk::look_again() {
  serve(Turn::kept);
  wish_again();
}

void SlotDesk::serve(Turn turn) {
  while (SlotHolder* holder = first_that_can(turn)) {
    end_wait(*holder);
    holder->on_slot();
  }
}

SlotHolder* SlotDesk::first_that_can(Turn turn) {
  SlotHolder* found = nullptr;
  waiting_.for_each([&](SlotHolder& holder) {
    if (found != nullptr || !holder.endpoint_->connections.has_room()) return;
    if (turn == Turn::kept && !desks_.is_first(*holder.endpoint_, holder.ticket_)) return;
    if (take(*holder.endpoint_)) found = &holder;
  });
  return found;
}

// For each node once, in the order in which they are waited for.
void SlotDesk::wish_again() {
  std::vector<Endpoint*> wanted;
  std::unordered_set<const Endpoint*> known;
  waiting_.for_each([&](SlotHolder& holder) {
    if (known.insert(holder.endpoint_).second) wanted.push_back(holder.endpoint_);
  });
  for (Endpoint* endpoint : wanted) wish(*endpoint);
}

void SlotDesk::wish(Endpoint& endpoint) {
  desks_.pass_on(*this, {.endpoint = endpoint.shared_from_this()});
}

// As many idle ones as there are that wait.
void SlotDesk::on_wish(SlotWish wish) {
  const Endpoint& endpoint = *wish.endpoint;
  const ConnectionBound &node = endpoint.connections, &pool = endpoint.pool->connections;
  do {
    if (std::min(node.room(), pool.room()) >= node.waiters()) return;  // who waits is told
  } while (upstreams_.give_up_idle(endpoint));
  if (wish.what == SlotWish::For::shared && upstreams_.give_up_shared(endpoint)) return;
  desks_.pass_on(*this, std::move(wish));
}

void SlotDesk::look_later(Endpoint& endpoint) {
  with_room_.push_back(endpoint.shared_from_this());
  runtime_.defer(*this);
}

// Who waits here is served by what has come free here; what is left of it others need.
void SlotDesk::run_deferred() {
  const auto with_room = std::exchange(with_room_, {});
  look_for_others();
  for (const auto& endpoint : with_room) give_up_for_others(*endpoint);
}

void SlotDesk::on_timer() {
  timer_.set(runtime_.now() + kLook);
  look_for_others();
  serve(Turn::ignored);
  wish_again();
}

void SlotDesk::look_for_others() {
  waiting_.for_each([](SlotHolder& holder) { holder.look_for_other(); });
}

// Of shared ones no more than others wait, and not the last one here: that a wish has to ask for.
void SlotDesk::give_up_for_others(const Endpoint& endpoint) {
  const ConnectionBound &node = endpoint.connections, &pool = endpoint.pool->connections;
  const bool in_the_way = (node.is_waited_for() && !node.has_room()) || !pool.has_room();
  if (!in_the_way || !pool.is_waited_for() || upstreams_.give_up_idle_of(endpoint)) return;
  if (others_wait(*endpoint.pool) && pool.leaving() < pool.waiters()) upstreams_.give_up_spare_of(endpoint);
}

bool SlotDesk::others_wait(const PoolShared& pool) {
  std::uint64_t own = 0;
  waiting_.for_each([&](const SlotHolder& holder) { own += holder.endpoint_->pool.get() == &pool ? 1 : 0; });
  return pool.connections.waiters() > own;
}

void SlotDesks::enter(SlotDesk& desk) {
  const std::lock_guard lock(mutex_);
  desks_.push_back(&desk);
}

// A wish that it had is gone with it.
void SlotDesks::leave(const SlotDesk& desk) {
  const std::lock_guard lock(mutex_);
  std::erase(desks_, &desk);
  tell_each();
}

void SlotDesks::tell_all() {
  const std::lock_guard lock(mutex_);
  tell_each();
}

void SlotDesks::tell_each() {
  for (SlotDesk* desk : desks_)
    if (!std::exchange(desk->told_, true))
      desk->runtime_.post([this, desk] {
        note_heard(*desk);
        desk->look_again();
      });
}

void SlotDesks::note_heard(SlotDesk& desk) {
  const std::lock_guard lock(mutex_);
  desk.told_ = false;
}

std::uint64_t SlotDesks::join(const Endpoint& node) {
  const std::lock_guard lock(mutex_);
  lines_[&node].insert(++tickets_);
  return tickets_;
}

void SlotDesks::quit(const Endpoint& node, std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  const auto line = lines_.find(&node);
  line->second.erase(ticket);
  if (line->second.empty()) lines_.erase(line);
}

bool SlotDesks::is_first(const Endpoint& node, std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  return *lines_.at(&node).begin() == ticket;
}

void SlotDesks::pass_on(const SlotDesk& from, SlotWish wish) {
  const std::lock_guard lock(mutex_);
  if (wish.steps >= 2 * desks_.size()) return;
  wish.what = wish.steps < desks_.size() ? SlotWish::For::idle : SlotWish::For::shared;
  ++wish.steps;
  const auto at = std::find(desks_.begin(), desks_.end(), &from);
  SlotDesk* next = at == desks_.end() || at + 1 == desks_.end() ? desks_.front() : *(at + 1);
  next->runtime_.post([next, wish = std::move(wish)] { next->on_wish(wish); });
}

}  // namespace weir::core
