// Where `max_connections` is kept: each connection to a node has a slot there, and in the node's pool. Who
// finds none waits at its worker's desk, and another worker is asked for one that lies idle, which it closes
// then; over HTTP/2, where none may ever lie idle, one that is shared takes no more requests until it can be
// closed. Who waits holds a place (core/place) already, so that there is a connection it can have, or will be
// within moments: the queue is in front of that. For a node's slots all workers' waiters stand in one line.
// Each worker's DataPath owns a desk; loop thread only, but for what says otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <unordered_map>
#include <vector>

#include "proxy/base/intrusive_list.h"
#include "proxy/core/endpoint.h"
#include "proxy/io/runtime.h"

namespace weir::core {

class SlotDesk;
class SlotDesks;
class Upstreams;
struct SlotTag;

// A connection that has a slot, or waits for one.
class SlotHolder : public base::ListHook<SlotTag> {
 public:
  bool awaits_slot() const { return base::ListHook<SlotTag>::linked(); }

 protected:
  SlotHolder() = default;
  ~SlotHolder() = default;

  // on_slot() follows, at once if there is one. `endpoint` outlives what follows.
  void seek_slot(SlotDesk& desk, Endpoint& endpoint);
  void give_slot_up();  // or wait for it no longer; idempotent

  virtual void on_slot() = 0;
  // While it waits another connection may have come free: what wanted this one is served by that, and this
  // one is over, or not.
  virtual void look_for_other() {}

 private:
  friend SlotDesk;
  SlotDesk* desk_ = nullptr;  // nullptr: it has none, and wants none
  Endpoint* endpoint_ = nullptr;
  std::uint64_t ticket_ = 0;  // while it waits: of its node's line
};

// One that should become free, at a node: it goes from desk to desk, first to find one that lies idle, then
// one that is shared.
struct SlotWish {
  std::shared_ptr<Endpoint> endpoint;
  std::size_t steps = 0;  // that it has made
  enum class For : std::uint8_t { idle, shared } what = For::idle;
};

class SlotDesk final : io::Deferred, io::TimerHandler {
 public:
  // All outlive it.
  SlotDesk(io::Runtime& runtime, SlotDesks& desks, Upstreams& upstreams);
  ~SlotDesk();
  SlotDesk(const SlotDesk&) = delete;
  SlotDesk& operator=(const SlotDesk&) = delete;

  // There may be slots for those that wait.
  void look_again();
  // A connection to the node can serve again, or serve more.
  void note_room(Endpoint& endpoint) {
    if (endpoint.pool->connections.is_waited_for()) [[unlikely]]
      look_later(endpoint);
  }

 private:
  friend SlotHolder;
  friend SlotDesks;

  // So often who waits looks again by itself, in turn or not: what is shared, and was to leave, may be kept
  // by then, and the first in line may be of a worker that is held up.
  static constexpr base::Duration kLook = std::chrono::milliseconds(100);

  enum class Turn : std::uint8_t { kept, ignored };
  bool take(Endpoint& endpoint);
  void serve(Turn turn);
  void release(Endpoint& endpoint);
  void seek(SlotHolder& holder);
  void begin_wait(SlotHolder& holder);
  void end_wait(SlotHolder& holder);
  void look_for_others();
  SlotHolder* first_that_can(Turn turn);
  void wish_again();
  void wish(Endpoint& endpoint);
  void on_wish(SlotWish wish);
  void look_later(Endpoint& endpoint);
  void run_deferred() override;
  void on_timer() override;
  bool others_wait(const PoolShared& pool);
  void give_up_for_others(const Endpoint& endpoint);

  io::Runtime& runtime_;
  SlotDesks& desks_;
  Upstreams& upstreams_;
  io::Timer timer_;                                   // set while anybody waits
  base::IntrusiveList<SlotHolder, SlotTag> waiting_;  // the oldest first
  std::vector<std::shared_ptr<Endpoint>> with_room_;  // noted since the desk was last looked at
  bool told_ = false;  // to look again, and has not done so yet; guarded by the lock of SlotDesks
};

// All workers' desks. Any thread.
class SlotDesks {
 public:
  void enter(SlotDesk& desk);
  void leave(const SlotDesk& desk);
  void note_heard(SlotDesk& desk);  // it looks again now
  // The line for a node's slots; join() gives the ticket.
  std::uint64_t join(const Endpoint& node);
  void quit(const Endpoint& node, std::uint64_t ticket);
  bool is_first(const Endpoint& node, std::uint64_t ticket);
  // Slots came free: who waits tries again.
  void tell_all();
  // To the worker behind `from`, round and round; it ends when all have had it for either.
  void pass_on(const SlotDesk& from, SlotWish wish);

 private:
  void tell_each();

  // Under the lock, so that a desk that is told something is there.
  std::mutex mutex_;
  std::vector<SlotDesk*> desks_;
  std::unordered_map<const Endpoint*, std::set<std::uint64_t>> lines_;  // where anybody waits
  std::uint64_t tickets_ = 0;
};

}  // namespace weir::core
