// A thread that carries traffic: one loop, one data path, its share of the listening sockets. Made, told and
// ended by the crew, from the control thread; everything else happens on its own thread, what it is told in
// that order.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/core/acceptor.h"
#include "proxy/core/data_path.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/server/loop_pulse.h"

namespace weir::server {

class Worker {
 public:
  // `number`: under which it counts; no other worker that lives has it.
  Worker(core::SharedCounts& counts, std::size_t number, std::uint64_t seed, base::LogWriter& log,
         observe::SpanSink& spans, std::shared_ptr<const core::Snapshot> snapshot);
  ~Worker();  // ends the loop at once and joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  std::size_t number() const { return number_; }
  void publish(std::shared_ptr<const core::Snapshot> snapshot);
  void nodes_changed(std::shared_ptr<const core::NodeChanges> changes);
  // As core::Acceptor does; what is given to call is called on this worker's thread.
  void open(std::vector<core::Entrance> entrances);
  void close(std::shared_ptr<const observe::ListenerCounts> listener, base::Duration grace);
  void retire(std::function<void()> over);
  void drain(base::Duration grace, std::function<void()> stopped, std::function<void()> drained);
  void ask_to_leave();  // see core::DataPath
  void make_room();     // likewise
  void make_seats();    // likewise
  // Weir is overloaded to this level, of which the path knows: see core::DataPath::relieve. At the highest
  // one the worker reads nothing more as soon as there is any excess, until it is told of less; unless it has
  // nothing to let go of.
  void heed(policy::Overload::Level level, std::uint64_t excess);
  // How late its loop is with what it was to do. Any thread.
  base::Duration lag(base::Time now) const { return pulse_.lag(now); }
  void when_done(std::function<void()> then);  // with all that it was told before

 private:
  void warn_of(core::Shortage shortage);

  const std::size_t number_;
  epoll::EpollRuntime runtime_;
  LoopPulse pulse_;
  std::unique_ptr<core::DataPath> path_;
  std::unique_ptr<core::Acceptor> acceptor_;
  std::thread thread_;
};

}  // namespace weir::server
