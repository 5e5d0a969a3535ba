// A thread that carries traffic: one loop, one data path, its share of the listening sockets. Made, told and
// ended by the supervisor, from the control thread; everything else happens on its own thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/core/data_path.h"
#include "proxy/epoll/epoll_runtime.h"

namespace weir::server {

// A worker's share of a listener: the socket, and what is counted of it. Both outlive the worker.
struct Entrance {
  io::ListenSocket socket;
  observe::ListenerShare& counts;
};

class Worker final : io::TimerHandler {
 public:
  // `number`: of the workers, from 0.
  Worker(core::SharedCounts& counts, std::size_t number, std::uint64_t seed, base::LogWriter* writer,
         observe::SpanSink* spans);
  ~Worker();  // ends the loop at once and joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start(std::shared_ptr<const core::Snapshot> snapshot, const std::vector<Entrance>& entrances);
  void publish(std::shared_ptr<const core::Snapshot> snapshot);
  void nodes_changed(std::shared_ptr<const core::NodeChanges> changes);
  // Ends in an orderly way. What waits in the listening sockets' queues is still accepted, then `stopped` is
  // called (the sockets may be closed), and when the last connection is over `drained`: once each, on this
  // worker's thread.
  void drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained);

 private:
  static constexpr base::Duration kLook = std::chrono::milliseconds(20);

  class Door;
  struct Waiting {
    io::TransportPtr transport;
    observe::ListenerShare& counts;
  };

  void on_short_of_descriptors();
  void admit(io::TransportPtr transport, observe::ListenerShare& counts);
  void on_timer() override;
  void admit_waiting();
  void stop_accepting(std::function<void()> stopped, std::uint64_t seen, int turns_left);

  epoll::EpollRuntime runtime_;
  std::unique_ptr<core::DataPath> path_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::uint64_t accepted_ = 0;
  std::deque<Waiting> waiting_;  // accepted when limits.connections had just been reached
  io::Timer timer_;              // while something waits, or while draining
  std::function<void()> drained_;
  std::thread thread_;
};

}  // namespace weir::server
