#include "proxy/epoll/epoll_runtime.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/epoll/epoll_listener.h"
#include "proxy/epoll/epoll_transport.h"

namespace weir::epoll {

namespace {

constexpr std::size_t kEventBatch = 512;  // events of one epoll_wait
constexpr int kForever = -1;
constexpr int kMostBatches = 16;  // of one poll; what is ready beyond is found by the next

base::Time monotonic() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return base::Time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace

EpollRuntime::Alarm::Alarm() : fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  WEIR_CHECK(fd_ >= 0);
}

EpollRuntime::Alarm::~Alarm() {
  ::close(fd_);
}

void EpollRuntime::Alarm::set(base::Time at) {
  if (at >= at_) return;
  at_ = at;
  // Zero would switch it off; it is never read, since every ring is an edge.
  const std::int64_t ns = std::max<std::int64_t>(at.time_since_epoch().count(), 1);
  const itimerspec ring{.it_interval = {}, .it_value = {ns / 1'000'000'000, ns % 1'000'000'000}};
  WEIR_CHECK(::timerfd_settime(fd_, TFD_TIMER_ABSTIME, &ring, nullptr) == 0);
}

EpollRuntime::EpollRuntime(Last last)
    : last_(last),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBuffer)) {
  std::signal(SIGPIPE, SIG_IGN);  // a failed write is told by its result
  WEIR_CHECK(epoll_ >= 0);
  WEIR_CHECK(watch(alarm_.fd(), EPOLLIN, alarm_) == 0);
  WEIR_CHECK(watch(mailbox_.fd(), EPOLLIN, mailbox_) == 0);
  wheel_.advance(now());
}

EpollRuntime::~EpollRuntime() {
  graveyard_.clear();
  ::close(epoll_);
}

void EpollRuntime::run() {
  stopping_ = false;
  while (!stopping_) run_once();
}

void EpollRuntime::stop() {
  post([this] { stopping_ = true; });
}

// Once after each poll.
base::Time EpollRuntime::read_clock() const {
  const base::Time now = monotonic();
  set_turn(now);
  return now;
}

// The kernel's coarse clock: a few milliseconds of error, no system call.
std::int64_t EpollRuntime::wall_ms() const {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME_COARSE, &wall);
  return static_cast<std::int64_t>(wall.tv_sec) * 1000 + wall.tv_nsec / 1000000;
}

std::int64_t EpollRuntime::wall_ns() const {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  const base::Duration since_now = monotonic() - now();
  return static_cast<std::int64_t>(wall.tv_sec) * 1'000'000'000 + wall.tv_nsec - since_now.count();
}

io::TransportPtr EpollRuntime::connect(const io::Address& address, io::TransportHandler& handler) {
  return EpollTransport::connect(*this, address, handler);
}

std::unique_ptr<io::Listener> EpollRuntime::listen(io::ListenSocket socket, io::AcceptHandler& handler) {
  return std::make_unique<EpollListener>(*this, socket, handler);
}

void EpollRuntime::defer(io::Deferred& task) {
  if (!task.linked()) deferred_.push_back(task);
}

void EpollRuntime::touch(io::Flushable& item) {
  if (!item.linked()) touched_.push_back(item);
}

int EpollRuntime::watch(int fd, std::uint32_t events, Watch& watch) {
  return control(EPOLL_CTL_ADD, fd, events, watch);
}

int EpollRuntime::rewatch(int fd, std::uint32_t events, Watch& watch) {
  return control(EPOLL_CTL_MOD, fd, events, watch);
}

int EpollRuntime::control(int operation, int fd, std::uint32_t events, Watch& watch) {
  epoll_event event{.events = events | EPOLLET, .data = {.ptr = &watch}};
  return ::epoll_ctl(epoll_, operation, fd, &event) == 0 ? 0 : errno;
}

void EpollRuntime::unwatch(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void EpollRuntime::go_on_later(Watch& watch) {
  if (!watch.linked()) to_go_on_.push_back(watch);
}

void EpollRuntime::end_callback() {
  while (!touched_.empty()) touched_.pop_front().flush();
}

void EpollRuntime::await_descriptor(io::Deferred& task) {
  if (!task.linked()) awaiting_descriptor_.push_back(task);
}

void EpollRuntime::descriptor_freed() {
  deferred_.splice(awaiting_descriptor_);
}

// What was asked for outside of any turn has its turn first, so that the loop never sleeps on deferred work.
void EpollRuntime::run_once() {
  const bool idle = deferred_.empty() && touched_.empty() && (to_go_on_.empty() || holds_reads());
  end_turn();
  alarm_.set(wheel_.next());
  forget_turn();
  poll(idle ? kForever : 0);
  end_turn();
  deliver_mail();
  if (wheel_.next() <= now()) {
    wheel_.advance(now());
    end_turn();
  }
  forget_turn();
}

// What could have gone on by itself does so after the events, of which one may be its connection's end.
void EpollRuntime::poll(int timeout_ms) {
  base::IntrusiveList<Watch, GoOnTag> go_on;
  if (!holds_reads()) go_on.splice(to_go_on_);
  std::array<epoll_event, kEventBatch> events;  // filled only as far as it is used
  if (!go_on.empty()) timeout_ms = 0;
  for (int batches = 0; batches < kMostBatches; ++batches) {
    const int n = ::epoll_wait(epoll_, events.data(), kEventBatch, timeout_ms);
    if (n < 0) {  // stopped and continued, for a while maybe: what has come comes before the timers
      WEIR_CHECK(errno == EINTR);
      timeout_ms = 0;
      continue;
    }
    for (int i = 0; i < n; ++i)
      static_cast<Watch*>(events[static_cast<std::size_t>(i)].data.ptr)
          ->on_ready(events[static_cast<std::size_t>(i)].events);
    if (n < static_cast<int>(kEventBatch)) break;
    timeout_ms = 0;
  }
  while (!go_on.empty()) go_on.pop_front().go_on();
}

void EpollRuntime::end_turn() {
  end_callback();
  do {
    while (!deferred_.empty()) {
      deferred_.pop_front().run_deferred();
      end_callback();
    }
    graveyard_.clear();  // what dies may free a descriptor that somebody waits for
  } while (!deferred_.empty());
}

void EpollRuntime::deliver_mail() {
  const std::vector<Mailbox::Task> batch = mailbox_.take();
  if (batch.empty()) return;
  for (const Mailbox::Task& task : batch) {
    task();
    end_callback();
  }
  end_turn();
}

}  // namespace weir::epoll
