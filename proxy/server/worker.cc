#include "proxy/server/worker.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/epoll/descriptors.h"

namespace weir::server {
namespace {

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

constinit SharedWarning descriptors_warning, connections_warning;

}  // namespace

Worker::Worker(core::SharedCounts& counts, std::size_t number, std::uint64_t seed, base::LogWriter& log,
               observe::SpanSink& spans, std::shared_ptr<const core::Snapshot> snapshot)
    : number_(number),
      pulse_(runtime_),
      path_(std::make_unique<core::DataPath>(runtime_, counts, number, seed, &log, &spans)),
      acceptor_(
          std::make_unique<core::Acceptor>(runtime_, *path_, [this](core::Shortage of) { warn_of(of); })) {
  path_->publish(std::move(snapshot));
  thread_ = std::thread([this] { runtime_.run(); });
}

Worker::~Worker() {
  if (thread_.joinable()) {
    runtime_.stop();
    thread_.join();
  }
  acceptor_.reset();
  path_.reset();
}

void Worker::publish(std::shared_ptr<const core::Snapshot> snapshot) {
  runtime_.post([this, snapshot = std::move(snapshot)]() mutable { path_->publish(std::move(snapshot)); });
}

void Worker::nodes_changed(std::shared_ptr<const core::NodeChanges> changes) {
  runtime_.post([this, changes = std::move(changes)] { path_->on_nodes_changed(*changes); });
}

void Worker::open(std::vector<core::Entrance> entrances) {
  runtime_.post([this, entrances = std::move(entrances)] { acceptor_->open(entrances); });
}

void Worker::close(std::shared_ptr<const observe::ListenerCounts> listener, base::Duration grace) {
  runtime_.post([this, listener = std::move(listener), grace] { acceptor_->close(*listener, grace); });
}

void Worker::retire(std::function<void()> over) {
  runtime_.post([this, over = std::move(over)]() mutable {
    acceptor_->open({});
    acceptor_->when_empty(std::move(over));
  });
}

void Worker::ask_to_leave() {
  runtime_.post([this] { path_->ask_to_leave(); });
}

void Worker::make_room() {
  runtime_.post([this] { path_->make_room(core::DataPath::Needed::elsewhere); });
}

void Worker::make_seats() {
  runtime_.post([this] { path_->make_seats(core::DataPath::Needed::elsewhere); });
}

void Worker::heed(policy::Overload::Level level, std::uint64_t excess) {
  const bool is_full = level == policy::Overload::kMost && excess > 0;
  if (is_full) runtime_.hold_reads(true);  // at once: mail is read when all that has come is
  runtime_.post([this, level, excess, is_full] {
    if (level >= policy::Overload::kAcceptsNobody)
      acceptor_->hold();
    else
      acceptor_->let_in();
    const bool let_go = level > 0 && path_->relieve(excess);
    runtime_.hold_reads(is_full && let_go);
  });
}

void Worker::when_done(std::function<void()> then) {
  runtime_.post(std::move(then));
}

void Worker::drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained) {
  runtime_.post([this, grace, stopped = std::move(stopped), drained = std::move(drained)]() mutable {
    acceptor_->drain(grace, std::move(stopped), std::move(drained));
  });
}

void Worker::warn_of(core::Shortage shortage) {
  if (shortage == core::Shortage::connections) {
    if (!connections_warning.due(runtime_.now())) return;
    base::log_warning(
        "clients wait to be accepted: there are as many as limits.connections, and none is idle; raise it, "
        "or let fewer be open at a time (limits.connections_per_client, timeouts.idle)");
    return;
  }
  if (!descriptors_warning.due(runtime_.now())) return;
  base::log_warning(
      "clients wait to be accepted: {} of {} file descriptors are open; they come in as others close; raise "
      "the limit (ulimit -n), or lower limits.connections",
      epoll::descriptors::in_use(), epoll::descriptors::limit());
}

}  // namespace weir::server
