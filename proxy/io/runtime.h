// What the core asks of the world, one per loop. A turn is one batch of callbacks: all reads and writes that
// one poll found, a sweep of timers, or a drained mailbox. The runtime guarantees, in this order:
//   - after every single callback, and after every deferred task, each Flushable that was touched is flushed
//     (so lent bytes may be used until then);
//   - when all callbacks of one poll are done, deferred tasks run, those deferred meanwhile included.
//   Whatever
//     end of stream the poll saw has then been delivered, so a pooled connection taken by a task is not known
//     to be dead;
//   - after the tasks, the graveyard is emptied.
// Loop thread only, but for post().
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/graveyard.h"
#include "proxy/base/intrusive_list.h"
#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/io/address.h"
#include "proxy/io/timer.h"
#include "proxy/io/transport.h"

namespace weir::io {

struct DeferTag;
struct FlushTag;

class Deferred : public base::ListHook<DeferTag> {
 public:
  virtual void run_deferred() = 0;

 protected:
  ~Deferred() = default;
};

class Flushable : public base::ListHook<FlushTag> {
 public:
  virtual void flush() = 0;

 protected:
  ~Flushable() = default;
};

class AcceptHandler {
 public:
  virtual void on_accept(TransportPtr transport) = 0;
  // Clients wait in the kernel's queue, because few descriptors are free. Said again while it lasts.
  virtual void on_short_of_descriptors() {}
  // Its connections may take the descriptors that are kept back from clients.
  virtual bool takes_reserve() const { return false; }

 protected:
  ~AcceptHandler() = default;
};

// A listening socket being polled by one loop; destroying it stops the polling and leaves the socket open.
// Connections that wait while it is paused stay in the kernel's queue.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void pause() = 0;  // idempotent
  virtual void resume() = 0;
};

// A bound, listening socket; who made it keeps it open as long as any Listener uses it.
struct ListenSocket {
  int fd = -1;  // in the simulator: its number
};

class Runtime {
 public:
  // Of the present turn; constant within it.
  base::Time now() const { return turn_ != base::kNever ? turn_ : read_clock(); }
  // Milliseconds since 1970 (UTC), for logs and Date; may jump, so nothing is timed by it.
  virtual std::int64_t wall_ms() const { return 0; }
  // The instant that now() names, in nanoseconds since 1970 (UTC), for traces; dearer than the others.
  virtual std::int64_t wall_ns() const { return wall_ms() * 1'000'000; }
  virtual TimerWheel& timers() = 0;
  // Never fails at once: the outcome comes as on_connected or on_connect_failed in a later callback.
  // `address` is an ip or a unix path.
  virtual TransportPtr connect(const Address& address, TransportHandler& handler) = 0;
  virtual std::unique_ptr<Listener> listen(ListenSocket socket, AcceptHandler& handler) = 0;
  // Looks `host` up off the loop; the callback comes in a later turn with at least one address or an error's
  // text.
  using Resolved = std::function<void(base::Result<std::vector<Ip>, std::string>)>;
  virtual void resolve(const std::string& host, Resolved done) = 0;
  virtual void defer(Deferred& task) = 0;   // idempotent while it waits
  virtual void touch(Flushable& item) = 0;  // idempotent while it waits
  virtual base::Graveyard& graveyard() = 0;
  // From any thread: run `task` on this loop in a later turn (a turn of its own). Tasks keep their order.
  virtual void post(std::function<void()> task) = 0;

 protected:
  ~Runtime() = default;
  // Asked whenever no turn's time is known; may set it.
  virtual base::Time read_clock() const = 0;
  void set_turn(base::Time now) const { turn_ = now; }
  void forget_turn() const { turn_ = base::kNever; }

 private:
  mutable base::Time turn_ = base::kNever;  // asked for too often for a virtual function
};

}  // namespace weir::io
