#include "proxy/server/worker.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/epoll/descriptors.h"

namespace weir::server {
namespace {

constexpr int kMostLastTurns = 100;  // of accepting, once the end has begun

// Once a minute at most, whichever worker has to say it.
class SharedWarning {
 public:
  bool due(base::Time now) {
    base::Time::rep next = next_.load(std::memory_order_relaxed);
    const base::Time::rep present = now.time_since_epoch().count();
    return present >= next && next_.compare_exchange_strong(next, (now + kEach).time_since_epoch().count(),
                                                            std::memory_order_relaxed);
  }

 private:
  static constexpr base::Duration kEach = std::chrono::minutes(1);
  std::atomic<base::Time::rep> next_{0};
};

constinit SharedWarning descriptors_warning;

}  // namespace

// A listener as one worker has it.
class Worker::Door final : io::AcceptHandler {
 public:
  Door(Worker& worker, const Entrance& entrance)
      : worker_(worker),
        counts_(entrance.counts),
        listener_(worker.runtime_.listen(entrance.socket, *this)) {}

  void pause() { listener_->pause(); }
  void resume() { listener_->resume(); }

 private:
  void on_accept(io::TransportPtr transport) override { worker_.admit(std::move(transport), counts_); }
  void on_short_of_descriptors() override { worker_.on_short_of_descriptors(); }

  Worker& worker_;
  observe::ListenerShare& counts_;
  std::unique_ptr<io::Listener> listener_;
};

Worker::Worker(core::SharedCounts& counts, std::size_t number, std::uint64_t seed, base::LogWriter* writer,
               observe::SpanSink* spans)
    : path_(std::make_unique<core::DataPath>(runtime_, counts, number, seed, writer, spans)),
      timer_(runtime_.timers(), *this) {}

Worker::~Worker() {
  if (thread_.joinable()) {
    runtime_.stop();
    thread_.join();
  }
  doors_.clear();
  waiting_.clear();
  path_.reset();
}

void Worker::start(std::shared_ptr<const core::Snapshot> snapshot, const std::vector<Entrance>& entrances) {
  path_->publish(std::move(snapshot));
  for (const Entrance& entrance : entrances) doors_.push_back(std::make_unique<Door>(*this, entrance));
  thread_ = std::thread([this] { runtime_.run(); });
}

void Worker::publish(std::shared_ptr<const core::Snapshot> snapshot) {
  runtime_.post([this, snapshot = std::move(snapshot)]() mutable { path_->publish(std::move(snapshot)); });
}

void Worker::nodes_changed(std::shared_ptr<const core::NodeChanges> changes) {
  runtime_.post([this, changes = std::move(changes)] { path_->on_nodes_changed(*changes); });
}

void Worker::drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained) {
  runtime_.post([this, grace, stopped = std::move(stopped), drained = std::move(drained)]() mutable {
    drained_ = std::move(drained);
    path_->drain(grace);
    for (const auto& door : doors_) door->resume();
    stop_accepting(std::move(stopped), accepted_, kMostLastTurns);
  });
}

// A closed listening socket resets what waits in its queue, so it is emptied first: until a turn brings
// nobody.
void Worker::stop_accepting(std::function<void()> stopped, std::uint64_t seen, int turns_left) {
  if (turns_left > 0 && (accepted_ != seen || turns_left == kMostLastTurns)) {
    runtime_.post([this, stopped = std::move(stopped), seen = accepted_, turns_left]() mutable {
      stop_accepting(std::move(stopped), seen, turns_left - 1);
    });
    return;
  }
  doors_.clear();
  while (!waiting_.empty()) {  // they were accepted, so they are served
    path_->accept_over_limit(std::move(waiting_.front().transport), waiting_.front().counts);
    waiting_.pop_front();
  }
  stopped();
  on_timer();
}

void Worker::on_short_of_descriptors() {
  path_->close_idle_upstreams();
  if (!descriptors_warning.due(runtime_.now())) return;
  base::log_warning(
      "clients wait to be accepted: {} of {} file descriptors are open; they come in as others close; raise "
      "the "
      "limit (ulimit -n), or lower limits.connections",
      epoll::descriptors::in_use(), epoll::descriptors::limit());
}

void Worker::admit(io::TransportPtr transport, observe::ListenerShare& counts) {
  ++accepted_;
  if (drained_) return path_->accept_over_limit(std::move(transport), counts);
  if (waiting_.empty() && path_->reserve()) return path_->accept(std::move(transport), counts);
  waiting_.push_back({std::move(transport), counts});
  for (const auto& door : doors_) door->pause();
  timer_.set(base::deadline(runtime_.now(), kLook));
}

void Worker::admit_waiting() {
  while (!waiting_.empty()) {
    if (!path_->reserve()) return timer_.set(base::deadline(runtime_.now(), kLook));
    path_->accept(std::move(waiting_.front().transport), waiting_.front().counts);
    waiting_.pop_front();
  }
  for (const auto& door : doors_) door->resume();
}

void Worker::on_timer() {
  if (!drained_) return admit_waiting();
  if (!doors_.empty()) return timer_.set(base::deadline(runtime_.now(), kLook));
  if (!path_->drained()) return timer_.set(base::deadline(runtime_.now(), kLook));
  path_->hand_over_log();
  std::exchange(drained_, nullptr)();
}

}  // namespace weir::server
