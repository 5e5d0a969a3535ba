#include "proxy/core/acceptor.h"

#include <utility>

namespace weir::core {
namespace {

constexpr int kMostLastTurns = 100;  // of accepting, once the end has begun

}  // namespace

// A listener as one worker has it.
class Acceptor::Door final : io::AcceptHandler {
 public:
  Door(Acceptor& owner, const Entrance& entrance)
      : owner_(owner), counts_(entrance.counts), listener_(owner.runtime_.listen(entrance.socket, *this)) {}

  void pause() { listener_->pause(); }
  void resume() { listener_->resume(); }

 private:
  void on_accept(io::TransportPtr transport) override { owner_.admit(std::move(transport), counts_); }
  void on_short_of_descriptors() override { owner_.on_short_of_descriptors(); }

  Acceptor& owner_;
  observe::ListenerShare& counts_;
  std::unique_ptr<io::Listener> listener_;
};

Acceptor::Acceptor(io::Runtime& runtime, DataPath& path, std::function<void()> short_of_descriptors)
    : runtime_(runtime),
      path_(path),
      short_of_descriptors_(std::move(short_of_descriptors)),
      timer_(runtime.timers(), *this) {}

Acceptor::~Acceptor() = default;

void Acceptor::open(const std::vector<Entrance>& entrances) {
  for (const Entrance& entrance : entrances) doors_.push_back(std::make_unique<Door>(*this, entrance));
}

void Acceptor::drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained) {
  drained_ = std::move(drained);
  path_.drain(grace);
  for (const auto& door : doors_) door->resume();
  stop_accepting(std::move(stopped), accepted_, kMostLastTurns);
}

// A closed listening socket resets what waits in its queue, so it is emptied first: until a turn brings
// nobody.
void Acceptor::stop_accepting(std::function<void()> stopped, std::uint64_t seen, int turns_left) {
  if (turns_left > 0 && (accepted_ != seen || turns_left == kMostLastTurns)) {
    runtime_.post([this, stopped = std::move(stopped), seen = accepted_, turns_left]() mutable {
      stop_accepting(std::move(stopped), seen, turns_left - 1);
    });
    return;
  }
  doors_.clear();
  while (!waiting_.empty()) {  // they were accepted, so they are served
    path_.accept_over_limit(std::move(waiting_.front().transport), waiting_.front().counts);
    waiting_.pop_front();
  }
  stopped();
  on_timer();
}

void Acceptor::on_short_of_descriptors() {
  path_.close_idle_upstreams();
  short_of_descriptors_();
}

void Acceptor::admit(io::TransportPtr transport, observe::ListenerShare& counts) {
  ++accepted_;
  if (drained_) return path_.accept_over_limit(std::move(transport), counts);
  if (waiting_.empty() && path_.reserve()) return path_.accept(std::move(transport), counts);
  waiting_.push_back({std::move(transport), counts});
  for (const auto& door : doors_) door->pause();
  timer_.set(base::deadline(runtime_.now(), kLook));
}

void Acceptor::admit_waiting() {
  while (!waiting_.empty()) {
    if (!path_.reserve()) return timer_.set(base::deadline(runtime_.now(), kLook));
    path_.accept(std::move(waiting_.front().transport), waiting_.front().counts);
    waiting_.pop_front();
  }
  for (const auto& door : doors_) door->resume();
}

void Acceptor::on_timer() {
  if (!drained_) return admit_waiting();
  if (!doors_.empty()) return timer_.set(base::deadline(runtime_.now(), kLook));
  if (!path_.drained()) return timer_.set(base::deadline(runtime_.now(), kLook));
  path_.hand_over_log();
  std::exchange(drained_, nullptr)();
}

}  // namespace weir::core
