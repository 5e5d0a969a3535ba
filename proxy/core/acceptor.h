// How clients come in: one worker's share of the listening sockets, the place where those wait that
// limits.connections has no room for, and the end of both. Owned by a worker; loop thread only once the loop
// runs.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/core/data_path.h"
#include "proxy/io/runtime.h"

namespace weir::core {

// A worker's share of a listener: the socket, and what is counted of it. Both outlive the acceptor.
struct Entrance {
  io::ListenSocket socket;
  observe::ListenerShare& counts;
};

class Acceptor final : io::TimerHandler {
 public:
  // So often it is looked whether there is room again: another worker may have made it.
  static constexpr base::Duration kLook = std::chrono::milliseconds(20);

  // `path` outlives it. `short_of_descriptors` is called as often as clients wait in the kernel's queue for
  // one.
  Acceptor(io::Runtime& runtime, DataPath& path, std::function<void()> short_of_descriptors = [] {});
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // `path` must have a snapshot.
  void open(const std::vector<Entrance>& entrances);
  // Ends in an orderly way, and the path with it. What waits in the listening sockets' queues is still
  // accepted, then `stopped` is called (the sockets may be closed), and when the last connection is over
  // `drained`: once each.
  void drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained);
  std::size_t waiting() const { return waiting_.size(); }

 private:
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

  io::Runtime& runtime_;
  DataPath& path_;
  std::function<void()> short_of_descriptors_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::uint64_t accepted_ = 0;
  std::deque<Waiting> waiting_;  // accepted when limits.connections had just been reached
  io::Timer timer_;              // while something waits, or while draining
  std::function<void()> drained_;
};

}  // namespace weir::core
