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

constinit SharedWarning descriptors_warning;

}  // namespace

Worker::Worker(core::SharedCounts& counts, std::size_t number, std::uint64_t seed, base::LogWriter* writer,
               observe::SpanSink* spans)
    : path_(std::make_unique<core::DataPath>(runtime_, counts, number, seed, writer, spans)),
      acceptor_(std::make_unique<core::Acceptor>(runtime_, *path_, [this] { on_short_of_descriptors(); })) {}

Worker::~Worker() {
  if (thread_.joinable()) {
    runtime_.stop();
    thread_.join();
  }
  acceptor_.reset();
  path_.reset();
}

void Worker::start(std::shared_ptr<const core::Snapshot> snapshot,
                   const std::vector<core::Entrance>& entrances) {
  path_->publish(std::move(snapshot));
  acceptor_->open(entrances);
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
    acceptor_->drain(grace, std::move(stopped), std::move(drained));
  });
}

void Worker::on_short_of_descriptors() {
  if (!descriptors_warning.due(runtime_.now())) return;
  base::log_warning(
      "clients wait to be accepted: {} of {} file descriptors are open; they come in as others close; raise "
      "the limit (ulimit -n), or lower limits.connections",
      epoll::descriptors::in_use(), epoll::descriptors::limit());
}

}  // namespace weir::server
