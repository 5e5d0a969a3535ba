#include "proxy/server/worker.h"

#include <utility>

namespace weir::server {

Worker::Worker(core::SharedCounts& counts, std::uint64_t seed, observe::LogWriter* writer)
    : path_(std::make_unique<core::DataPath>(runtime_, counts, seed, writer)), timer_(runtime_.timers(), *this) {}

Worker::~Worker() {
  if (thread_.joinable()) {
    runtime_.stop();
    thread_.join();
  }
  listeners_.clear();
  waiting_.clear();
  path_.reset();
}

void Worker::start(std::shared_ptr<const core::Snapshot> snapshot, std::vector<io::ListenSocket> sockets) {
  path_->publish(std::move(snapshot));
  for (io::ListenSocket socket : sockets) listeners_.push_back(runtime_.listen(socket, *this));
  thread_ = std::thread([this] { runtime_.run(); });
}

void Worker::publish(std::shared_ptr<const core::Snapshot> snapshot) {
  runtime_.post([this, snapshot = std::move(snapshot)]() mutable { path_->publish(std::move(snapshot)); });
}

void Worker::drain(base::Duration grace, std::function<void()> drained) {
  runtime_.post([this, grace, drained = std::move(drained)]() mutable {
    listeners_.clear();
    drained_ = std::move(drained);
    while (!waiting_.empty()) {  // they were accepted, so they are served
      path_->accept_over_limit(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    path_->drain(grace);
    on_timer();
  });
}

void Worker::on_accept(io::TransportPtr transport) {
  if (waiting_.empty() && path_->reserve()) return path_->accept(std::move(transport));
  waiting_.push_back(std::move(transport));
  for (const auto& listener : listeners_) listener->pause();
  timer_.set(base::deadline(runtime_.now(), kLook));
}

void Worker::admit_waiting() {
  while (!waiting_.empty()) {
    if (!path_->reserve()) return timer_.set(base::deadline(runtime_.now(), kLook));
    path_->accept(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  for (const auto& listener : listeners_) listener->resume();
}

void Worker::on_timer() {
  if (!drained_) return admit_waiting();
  if (!path_->drained()) return timer_.set(base::deadline(runtime_.now(), kLook));
  path_->hand_over_log();
  std::exchange(drained_, nullptr)();
}

}  // namespace weir::server
