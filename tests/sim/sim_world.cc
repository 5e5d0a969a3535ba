#include "tests/sim/sim_world.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "tests/sim/sim_link.h"
#include "tests/sim/sim_runtime.h"

namespace weir::sim {

thread_local SimWorld* SimWorld::stepping_ = nullptr;

void SimActor::retire() {
  retired_ = true;
  if (queued_ == 0) delete this;
}

SimWorld::SimWorld(std::uint64_t seed, SimRules rules)
    : random_(seed), rules_(rules), links_(std::make_unique<base::IntrusiveList<SimLink, LinkTag>>()) {}

SimWorld::~SimWorld() {
  sockets_.clear();
  while (!links_->empty()) links_->pop_front().retire();
  for (const Event& event : queue_) {
    if (--event.actor->queued_ == 0 && event.actor->retired_) delete event.actor;
  }
}

io::ListenSocket SimWorld::listen(const io::Address& address) {
  auto socket = std::make_unique<SimListenSocket>();
  socket->address = address;
  if (address.kind == io::Address::Kind::ip && address.port == 0) socket->address.port = next_port_++;
  WEIR_CHECK(by_address_.emplace(socket->address.text(), next_socket_).second);
  sockets_.emplace(next_socket_, std::move(socket));
  return {next_socket_++};
}

const io::Address& SimWorld::address_of(io::ListenSocket socket) const {
  return sockets_.at(socket.fd)->address;
}

void SimWorld::close(io::ListenSocket socket) {
  SimListenSocket& closing = *sockets_.at(socket.fd);
  WEIR_CHECK(closing.listeners.empty());
  for (SimLink* link : closing.queue) link->reset(SimLink::kAccepted);
  by_address_.erase(closing.address.text());
  sockets_.erase(socket.fd);
}

bool SimWorld::run_until(const std::function<bool()>& done, base::Time at_most) {
  arm_timers();
  while (!done()) {
    if (queue_.empty() || queue_.front().at > at_most) return false;
    step();
  }
  return true;
}

void SimWorld::run_until(base::Time at) {
  arm_timers();
  while (!queue_.empty() && queue_.front().at <= at) step();
  now_ = std::max(now_, at);
}

void SimWorld::arm_timers() {
  for (SimRuntime* runtime : runtimes_) runtime->arm_timer();
}

void SimWorld::step() {
  std::pop_heap(queue_.begin(), queue_.end());
  const Event event = queue_.back();
  queue_.pop_back();
  now_ = std::max(now_, event.at);  // it may have leapt past it
  ++events_;
  SimWorld* const before = std::exchange(stepping_, this);
  SimActor& actor = *event.actor;
  --actor.queued_;
  if (!actor.retired_) {
    actor.on_event(event.what);  // may retire it, and so delete it
  } else if (actor.queued_ == 0) {
    delete &actor;
  }
  stepping_ = before;
}

void SimWorld::preempt() {
  if (rules_.preempt_percent > 0 && random_.percent(rules_.preempt_percent)) let_others_turn();
}

void SimWorld::preempt_at_atomic() {
  constexpr std::uint64_t kOneIn = 16;
  if (turns_ == 0 || rules_.preempt_percent == 0 || random_.next() % kOneIn != 0) return;
  const std::uint64_t before = mischief_.preemptions;
  let_others_turn();
  mischief_.at_atomics += mischief_.preemptions - before;
}

void SimWorld::let_others_turn() {
  for (SimRuntime* runtime : runtimes_)
    if (runtime->turn_if_due()) ++mischief_.preemptions;
}

bool SimWorld::wall_was(std::int64_t second, base::Time since) const {
  for (std::size_t i = 0; i < wall_.size(); ++i) {
    const base::Time begin = std::max(since, wall_[i].since);
    const base::Time end = i + 1 < wall_.size() ? wall_[i + 1].since : now_;
    if (begin <= end && wall_ms_at(begin, wall_[i].ahead) / 1000 <= second &&
        second <= wall_ms_at(end, wall_[i].ahead) / 1000)
      return true;
  }
  return false;
}

void SimWorld::schedule(SimActor& actor, base::Time at, std::uint32_t what) {
  ++actor.queued_;
  queue_.push_back({std::max(at, now_), scheduled_++, &actor, what});
  std::push_heap(queue_.begin(), queue_.end());
}

void SimWorld::schedule_in(SimActor& actor, base::Duration most, std::uint32_t what) {
  schedule(actor, now_ + up_to(most), what);
}

base::Duration SimWorld::network_delay() {
  return rules_.min_delay + up_to(rules_.max_delay - rules_.min_delay);
}

base::Duration SimWorld::up_to(base::Duration most) {
  if (most <= base::Duration::zero()) return base::Duration::zero();
  return base::Duration(static_cast<base::Duration::rep>(random_.between(0, most.count())));
}

SimWorld::Fate SimWorld::fate_of(const io::Address& address) const {
  const auto found = fates_.find(address.text());
  return found == fates_.end() ? Fate::natural : found->second;
}

SimListenSocket* SimWorld::listening_at(const io::Address& address) {
  const auto found = by_address_.find(address.text());
  return found == by_address_.end() ? nullptr : sockets_.at(found->second).get();
}

const std::vector<io::Ip>* SimWorld::find_name(const std::string& host) const {
  const auto found = names_.find(host);
  return found == names_.end() ? nullptr : &found->second;
}

}  // namespace weir::sim
