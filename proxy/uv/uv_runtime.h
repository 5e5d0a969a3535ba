// io::Runtime over one libuv loop. One loop iteration is up to three turns, in this order: what the poll
// found, then the mailbox, then a sweep of the timers; so deadlines are judged after the sockets even when
// the loop is late. Each turn ends as io/runtime.h says. The loop sleeps with nothing left to do: no deferred
// task, no touched item, and a wake-up only if a timer is linked. Destroy listeners and transports before it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "proxy/io/runtime.h"

struct uv_loop_s;

namespace weir::uv {

class UvRuntime final : public io::Runtime {
 public:
  UvRuntime();
  UvRuntime(const UvRuntime&) = delete;
  UvRuntime& operator=(const UvRuntime&) = delete;
  ~UvRuntime();

  void run();       // until stop()
  void run_once();  // one iteration; waits until there is something to do
  void stop();      // any thread; run() returns after the turn that hears of it

  base::Time now() const override;
  std::int64_t wall_ms() const override;
  io::TimerWheel& timers() override { return wheel_; }
  io::TransportPtr connect(const io::Address& address, io::TransportHandler& handler) override;
  std::unique_ptr<io::Listener> listen(io::ListenSocket socket, io::AcceptHandler& handler) override;
  void resolve(const std::string& host, Resolved done) override;
  void defer(io::Deferred& task) override;
  void touch(io::Flushable& item) override;
  base::Graveyard& graveyard() override { return graveyard_; }
  void post(std::function<void()> task) override;

  // For the other parts of this folder.
  static constexpr std::size_t kReadBuffer = 65536;
  uv_loop_s* loop();
  char* read_buffer() { return read_buffer_.get(); }
  void end_callback();                        // each callback that called into the core ends with it
  void await_descriptor(io::Deferred& task);  // deferred as soon as a transport closes
  void descriptor_freed();

 private:
  struct Handles;

  void before_poll();
  void after_poll();
  void end_turn();
  void deliver_mail();
  void arm_timer();

  std::unique_ptr<Handles> handles_;
  std::unique_ptr<char[]> read_buffer_;  // lent to one read callback at a time
  mutable base::Time now_{};
  mutable bool now_is_fresh_ = false;  // read since the last poll
  base::Time armed_ = base::kNever;    // when the one uv_timer wakes the loop
  io::TimerWheel wheel_;
  base::IntrusiveList<io::Deferred, io::DeferTag> deferred_;
  base::IntrusiveList<io::Deferred, io::DeferTag> awaiting_descriptor_;
  base::IntrusiveList<io::Flushable, io::FlushTag> touched_;
  base::Graveyard graveyard_;
};

}  // namespace weir::uv
