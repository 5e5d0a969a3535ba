// A thread that carries traffic: one loop, one data path, its share of the listening sockets. Made, told and
// ended by the supervisor, from the control thread; everything else happens on its own thread.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/core/acceptor.h"
#include "proxy/core/data_path.h"
#include "proxy/epoll/epoll_runtime.h"

namespace weir::server {

class Worker {
 public:
  // `number`: of the workers, from 0.
  Worker(core::SharedCounts& counts, std::size_t number, std::uint64_t seed, base::LogWriter* writer,
         observe::SpanSink* spans);
  ~Worker();  // ends the loop at once and joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start(std::shared_ptr<const core::Snapshot> snapshot, const std::vector<core::Entrance>& entrances);
  void publish(std::shared_ptr<const core::Snapshot> snapshot);
  void nodes_changed(std::shared_ptr<const core::NodeChanges> changes);
  // As core::Acceptor does; both are called on this worker's thread.
  void drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained);

 private:
  void on_short_of_descriptors();

  epoll::EpollRuntime runtime_;
  std::unique_ptr<core::DataPath> path_;
  std::unique_ptr<core::Acceptor> acceptor_;
  std::thread thread_;
};

}  // namespace weir::server
