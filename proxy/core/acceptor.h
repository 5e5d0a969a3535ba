// How clients come in: one worker's share of the listening sockets, the place where those wait that
// limits.connections has no room for, and the end of both. While Weir is overloaded nobody comes in. Owned by
// a worker; loop thread only once the loop runs.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "proxy/core/data_path.h"
#include "proxy/core/reception.h"
#include "proxy/io/runtime.h"

namespace weir::core {

// A worker's share of a listener: a socket, which closes with its last holder, what is counted of it, and how
// it receives clients at the time.
struct Entrance {
  std::shared_ptr<const io::ListenSocket> socket;
  std::shared_ptr<observe::ListenerCounts> listener;
  std::shared_ptr<const Reception> reception = std::make_shared<const Reception>();
};

// Of what clients wait for.
enum class Shortage : std::uint8_t { descriptors, connections };

class Acceptor final : io::TimerHandler {
 public:
  // So often it is looked whether there is room again: another worker may have made it.
  static constexpr base::Duration kLook = std::chrono::milliseconds(20);

  // `path` outlives it. `on_shortage` is called as often as clients wait in the kernel's queue for a
  // descriptor, or for long since limits.connections are reached.
  Acceptor(io::Runtime& runtime, DataPath& path, std::function<void(Shortage)> on_shortage = [](Shortage) {});
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Polls exactly these sockets from now on. What waits in the queue of one that it had before is left to
  // whoever polls that socket next. `path` must have a snapshot.
  void open(const std::vector<Entrance>& entrances);
  // This listener is gone: what waits in its sockets' queues is still accepted, then they are let go of.
  // Clients that came by it finish what is in flight; idle ones get one more answer within `grace`.
  void close(const observe::ListenerCounts& listener, base::Duration grace);
  // Ends in an orderly way, and the path with it: as if each listener were gone. When nothing is polled any
  // more, `stopped` is called, and when the last connection is over `drained`: once each.
  void drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained);
  // The loop that retires: `over` is called once, when no connection is left, and none waits. What it polls
  // is to be somebody else's by then, see open().
  void when_empty(std::function<void()> over);
  // Clients wait in the kernel's queues, until they are let in again. Not those of listeners that are gone.
  void hold();
  void let_in();
  std::size_t waiting() const { return waiting_.size(); }

 private:
  static constexpr base::Duration kLongWait = std::chrono::seconds(1);  // without anybody coming in
  // A retired loop may wait for hours.
  static constexpr base::Duration kLookWhenRetired = std::chrono::milliseconds(250);

  class Door;
  struct Guest {
    io::TransportPtr transport;
    std::shared_ptr<observe::ListenerCounts> listener;
    std::shared_ptr<const Reception> reception;
    std::optional<base::Duration> grace;  // the listener is gone
  };

  void on_short_of_descriptors();
  void admit(Guest guest);
  bool reserve_of_idle();
  void seat(Guest guest);
  void seat_over_limit(Guest guest);
  void on_timer() override;
  void admit_waiting();
  void look_whether_over();
  void leave();
  void empty_queues();

  io::Runtime& runtime_;
  DataPath& path_;
  std::function<void(Shortage)> on_shortage_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::vector<std::unique_ptr<Door>> leaving_;  // until their queues are empty
  std::deque<Guest> waiting_;                   // accepted when limits.connections had just been reached
  base::Time full_since_{};                     // that nobody has come in, while any wait
  io::Timer timer_;                             // while something waits, or while an end is waited for
  std::function<void()> stopped_;               // draining, and still polling
  std::function<void()> over_;                  // draining, or retiring
  bool draining_ = false;
  bool holds_ = false;
  bool emptying_ = false;  // the queues of those that leave
};

}  // namespace weir::core
