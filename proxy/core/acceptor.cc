#include "proxy/core/acceptor.h"

#include <algorithm>
#include <utility>

namespace weir::core {
namespace {

constexpr int kMostLastTurns = 100;  // of accepting, once a listener is gone

}  // namespace

// A listening socket as one worker has it.
class Acceptor::Door final : io::AcceptHandler {
 public:
  Door(Acceptor& owner, Entrance entrance)
      : owner_(owner),
        entrance_(std::move(entrance)),
        listener_(owner.runtime_.listen(*entrance_.socket, *this)) {}

  bool is(const Entrance& entrance) const { return entrance_.socket == entrance.socket; }
  bool is_of(const observe::ListenerCounts& listener) const { return entrance_.listener.get() == &listener; }
  void pause() { listener_->pause(); }
  void resume() { listener_->resume(); }
  void leave(std::optional<base::Duration> grace) {
    grace_ = grace;
    listener_->resume();
  }
  // Nobody came since it was asked last; asked once a turn.
  bool is_empty() {
    if (--last_turns_ == 0) return true;
    return std::exchange(seen_, accepted_) == accepted_ && last_turns_ < kMostLastTurns - 1;
  }

 private:
  void on_accept(io::TransportPtr transport) override {
    ++accepted_;
    owner_.admit({std::move(transport), entrance_.listener, entrance_.reception, grace_});
  }
  void on_short_of_descriptors() override { owner_.on_short_of_descriptors(); }

  Acceptor& owner_;
  const Entrance entrance_;
  std::optional<base::Duration> grace_;
  std::uint64_t accepted_ = 0;
  std::uint64_t seen_ = 0;
  int last_turns_ = kMostLastTurns;
  std::unique_ptr<io::Listener> listener_;
};

Acceptor::Acceptor(io::Runtime& runtime, DataPath& path, std::function<void(Shortage)> on_shortage)
    : runtime_(runtime), path_(path), on_shortage_(std::move(on_shortage)), timer_(runtime.timers(), *this) {}

Acceptor::~Acceptor() = default;

void Acceptor::open(const std::vector<Entrance>& entrances) {
  if (draining_) return;
  auto before = std::exchange(doors_, {});
  for (const Entrance& entrance : entrances) {
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const auto& door) { return door && door->is(entrance); });
    if (known != before.end()) {
      doors_.push_back(std::move(*known));
      continue;
    }
    doors_.push_back(std::make_unique<Door>(*this, entrance));
    if (!waiting_.empty() || holds_) doors_.back()->pause();
  }
}

void Acceptor::close(const observe::ListenerCounts& listener, base::Duration grace) {
  path_.drain(listener, grace);
  for (Guest& guest : waiting_)
    if (guest.listener.get() == &listener) guest.grace = grace;
  const auto stays = [&](const std::unique_ptr<Door>& door) { return !door->is_of(listener); };
  const auto first = std::stable_partition(doors_.begin(), doors_.end(), stays);
  for (auto door = first; door != doors_.end(); ++door) {
    (*door)->leave(grace);
    leaving_.push_back(std::move(*door));
  }
  doors_.erase(first, doors_.end());
  leave();
}

void Acceptor::drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained) {
  draining_ = true;
  stopped_ = std::move(stopped);
  over_ = std::move(drained);
  path_.drain(grace);
  for (auto& door : doors_) {
    door->leave(std::nullopt);
    leaving_.push_back(std::move(door));
  }
  doors_.clear();
  leave();
}

void Acceptor::when_empty(std::function<void()> over) {
  over_ = std::move(over);
  timer_.set(base::deadline(runtime_.now(), kLookWhenRetired));
}

void Acceptor::leave() {
  if (!std::exchange(emptying_, true)) runtime_.post([this] { empty_queues(); });
}

// A listening socket that is closed resets what waits in its queue, so it is emptied first: until a turn
// brings nobody.
void Acceptor::empty_queues() {
  std::erase_if(leaving_, [](const auto& door) { return door->is_empty(); });
  if (!leaving_.empty()) return runtime_.post([this] { empty_queues(); });
  emptying_ = false;
  if (!draining_ || !stopped_) return;
  while (!waiting_.empty()) {  // they were accepted, so they are served
    seat_over_limit(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  std::exchange(stopped_, nullptr)();
  look_whether_over();
}

void Acceptor::on_short_of_descriptors() {
  path_.make_room();
  on_shortage_(Shortage::descriptors);
}

// Who is turned away takes nobody's seat.
void Acceptor::admit(Guest guest) {
  const bool is_next = waiting_.empty();
  if (!draining_ && is_next && path_.reserve()) return seat(std::move(guest));
  if (draining_ || path_.turns_away(*guest.transport, *guest.reception))
    return seat_over_limit(std::move(guest));
  if (is_next && reserve_of_idle()) return seat(std::move(guest));
  if (is_next) full_since_ = runtime_.now();
  waiting_.push_back(std::move(guest));
  for (const auto& door : doors_) door->pause();
  timer_.set(base::deadline(runtime_.now(), kLook));
}

// Whoever has been idle makes room, here at once and in other workers within moments.
bool Acceptor::reserve_of_idle() {
  path_.make_seats();
  return path_.reserve();
}

void Acceptor::seat(Guest guest) {
  ClientConnection& connection = path_.accept(std::move(guest.transport), guest.listener, guest.reception);
  if (guest.grace) connection.drain(*guest.grace);
}

void Acceptor::seat_over_limit(Guest guest) {
  path_.accept_over_limit(std::move(guest.transport), guest.listener, guest.reception);
}

void Acceptor::admit_waiting() {
  while (!waiting_.empty()) {
    if (!path_.reserve() && !reserve_of_idle()) {
      if (runtime_.now() - full_since_ >= kLongWait) on_shortage_(Shortage::connections);
      return timer_.set(base::deadline(runtime_.now(), kLook));
    }
    full_since_ = runtime_.now();
    seat(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (!holds_)
    for (const auto& door : doors_) door->resume();
}

void Acceptor::hold() {
  if (std::exchange(holds_, true)) return;
  for (const auto& door : doors_) door->pause();
}

void Acceptor::let_in() {
  if (!std::exchange(holds_, false) || !waiting_.empty()) return;
  for (const auto& door : doors_) door->resume();
}

void Acceptor::on_timer() {
  if (!draining_) admit_waiting();
  look_whether_over();
}

void Acceptor::look_whether_over() {
  if (!over_) return;
  if (stopped_ || !doors_.empty() || !leaving_.empty() || !waiting_.empty() || !path_.drained())
    return timer_.set(
        std::min(timer_.at(), base::deadline(runtime_.now(), draining_ ? kLook : kLookWhenRetired)));
  path_.hand_over_log();
  std::exchange(over_, nullptr)();
}

}  // namespace weir::core
