// io::Runtime over one epoll. One iteration of its loop is up to three turns, in this order: what the poll
// found, then the mailbox, then a sweep of the timers; so deadlines are judged after the sockets even when
// the loop is late. Each turn ends as io/runtime.h says. The loop sleeps with nothing left to do: no deferred
// task, no touched item, nothing to go on with; and a descriptor of its own, not a timeout, wakes it for the
// timers, which spares each sleep the setting and clearing of a timer in the kernel. Destroy listeners and
// transports before it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/epoll/mailbox.h"
#include "proxy/epoll/resolver.h"
#include "proxy/epoll/watch.h"
#include "proxy/io/runtime.h"

namespace weir::epoll {

class EpollRuntime final : public io::Runtime {
 public:
  // Whether its connects may take the last descriptors: those are kept for operators and health checks,
  // however many requests want a connection to a node.
  enum class Last : std::uint8_t { left_alone, taken };
  explicit EpollRuntime(Last last = Last::left_alone);
  EpollRuntime(const EpollRuntime&) = delete;
  EpollRuntime& operator=(const EpollRuntime&) = delete;
  ~EpollRuntime();

  void run();       // until stop()
  void run_once();  // one iteration; waits until there is something to do
  void stop();      // any thread; run() returns after the turn that hears of it
  // While they are held, no transport reads, and what comes waits in the kernel. Any thread; the loop's own
  // lets go.
  void hold_reads(bool hold) { holds_reads_.store(hold, std::memory_order_relaxed); }

  std::int64_t wall_ms() const override;
  std::int64_t wall_ns() const override;
  io::TimerWheel& timers() override { return wheel_; }
  io::TransportPtr connect(const io::Address& address, io::TransportHandler& handler) override;
  std::unique_ptr<io::Listener> listen(io::ListenSocket socket, io::AcceptHandler& handler) override;
  void resolve(const std::string& host, Resolved done) override { resolver_.resolve(host, std::move(done)); }
  void defer(io::Deferred& task) override;
  void touch(io::Flushable& item) override;
  base::Graveyard& graveyard() override { return graveyard_; }
  void post(std::function<void()> task) override { mailbox_.post(std::move(task)); }

  // For the other parts of this folder. The first two return 0 or an errno.
  static constexpr std::size_t kReadBuffer = 65536;
  int watch(int fd, std::uint32_t events, Watch& watch);    // EPOLLET is added
  int rewatch(int fd, std::uint32_t events, Watch& watch);  // reports anew what is ready now
  void unwatch(int fd);                                     // closing a descriptor does it as well
  void go_on_later(Watch& watch);                           // after the next poll; idempotent
  char* read_buffer() { return read_buffer_.get(); }
  bool holds_reads() const { return holds_reads_.load(std::memory_order_relaxed); }
  Last last_descriptors() const { return last_; }
  void end_callback();                        // each callback that called into the core ends with it
  void await_descriptor(io::Deferred& task);  // deferred as soon as a transport closes
  void descriptor_freed();

 private:
  base::Time read_clock() const override;
  // The timer wheel's alarm. It is moved forward, never back: when it rings too early, it is set anew.
  class Alarm final : public Watch {
   public:
    Alarm();
    ~Alarm();
    int fd() const { return fd_; }
    void set(base::Time at);

   private:
    void on_ready(std::uint32_t) override { at_ = base::kNever; }

    const int fd_;
    base::Time at_ = base::kNever;
  };

  int control(int operation, int fd, std::uint32_t events, Watch& watch);
  void poll(int timeout_ms);
  void end_turn();
  void deliver_mail();

  const Last last_;
  const int epoll_;
  Alarm alarm_;
  Mailbox mailbox_;
  Resolver resolver_{*this};             // posts to the mailbox
  std::unique_ptr<char[]> read_buffer_;  // lent to one read callback at a time
  std::atomic<bool> holds_reads_{false};
  bool stopping_ = false;
  io::TimerWheel wheel_;
  base::IntrusiveList<io::Deferred, io::DeferTag> deferred_;
  base::IntrusiveList<io::Deferred, io::DeferTag> awaiting_descriptor_;
  base::IntrusiveList<io::Flushable, io::FlushTag> touched_;
  base::IntrusiveList<Watch, GoOnTag> to_go_on_;
  base::Graveyard graveyard_;
};

}  // namespace weir::epoll
