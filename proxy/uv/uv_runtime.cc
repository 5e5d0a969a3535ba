#include "proxy/uv/uv_runtime.h"

#include <uv.h>
#include <ctime>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/uv/uv_listener.h"
#include "proxy/uv/uv_mailbox.h"
#include "proxy/uv/uv_resolver.h"
#include "proxy/uv/uv_transport.h"

namespace weir::uv {

namespace {

uv_loop_t* begin_loop(uv_loop_t* loop) {
  WEIR_CHECK(uv_loop_init(loop) == 0);
  return loop;
}

UvRuntime& owner(const uv_loop_t* loop) {
  return *static_cast<UvRuntime*>(loop->data);
}

template <class Handle>
void close_handle(Handle& handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
}

}  // namespace

struct UvRuntime::Handles {
  uv_loop_t loop;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_timer_t timer;
  UvMailbox mailbox{begin_loop(&loop)};
  UvResolver resolver;
};

UvRuntime::UvRuntime()
    : handles_(std::make_unique<Handles>()),
      read_buffer_(std::make_unique_for_overwrite<char[]>(kReadBuffer)) {
  std::signal(SIGPIPE, SIG_IGN);  // a failed write is told by its result
  handles_->loop.data = this;
  uv_prepare_init(loop(), &handles_->prepare);
  uv_check_init(loop(), &handles_->check);
  uv_timer_init(loop(), &handles_->timer);
  uv_prepare_start(&handles_->prepare, [](uv_prepare_t* prepare) { owner(prepare->loop).before_poll(); });
  uv_check_start(&handles_->check, [](uv_check_t* check) { owner(check->loop).after_poll(); });
  wheel_.advance(now());
}

UvRuntime::~UvRuntime() {
  graveyard_.clear();
  close_handle(handles_->prepare);
  close_handle(handles_->check);
  close_handle(handles_->timer);
  handles_->mailbox.close();
  handles_->resolver.cancel();
  uv_run(loop(), UV_RUN_DEFAULT);
  WEIR_CHECK(uv_loop_close(loop()) == 0);
}

void UvRuntime::run() {
  uv_run(loop(), UV_RUN_DEFAULT);
}

void UvRuntime::run_once() {
  const bool idle = deferred_.empty() && touched_.empty();
  uv_run(loop(), idle ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void UvRuntime::stop() {
  post([this] { uv_stop(loop()); });
}

base::Time UvRuntime::now() const {
  if (!now_is_fresh_) {
    now_ = base::Time(std::chrono::nanoseconds(uv_hrtime()));
    now_is_fresh_ = true;
  }
  return now_;
}

// The kernel's coarse clock: a few milliseconds of error, no system call.
std::int64_t UvRuntime::wall_ms() const {
  timespec wall{};
  clock_gettime(CLOCK_REALTIME_COARSE, &wall);
  return static_cast<std::int64_t>(wall.tv_sec) * 1000 + wall.tv_nsec / 1000000;
}

io::TransportPtr UvRuntime::connect(const io::Address& address, io::TransportHandler& handler) {
  return UvTransport::connect(*this, address, handler);
}

std::unique_ptr<io::Listener> UvRuntime::listen(io::ListenSocket socket, io::AcceptHandler& handler) {
  return std::make_unique<UvListener>(*this, socket, handler);
}

void UvRuntime::resolve(const std::string& host, Resolved done) {
  handles_->resolver.resolve(*this, host, std::move(done));
}

void UvRuntime::defer(io::Deferred& task) {
  if (!task.linked()) deferred_.push_back(task);
}

void UvRuntime::touch(io::Flushable& item) {
  if (!item.linked()) touched_.push_back(item);
}

void UvRuntime::post(std::function<void()> task) {
  handles_->mailbox.post(std::move(task));
}

uv_loop_t* UvRuntime::loop() {
  return &handles_->loop;
}

void UvRuntime::end_callback() {
  while (!touched_.empty()) touched_.pop_front().flush();
}

void UvRuntime::await_descriptor(io::Deferred& task) {
  if (!task.linked()) awaiting_descriptor_.push_back(task);
}

void UvRuntime::descriptor_freed() {
  deferred_.splice(awaiting_descriptor_);
}

// Some of libuv's callbacks (a connect refused at once) come outside the poll: their turn ends here, so that
// the loop never sleeps on deferred work.
void UvRuntime::before_poll() {
  end_turn();
  arm_timer();
  now_is_fresh_ = false;
}

void UvRuntime::after_poll() {
  end_turn();
  deliver_mail();
  if (wheel_.next() <= now()) {
    wheel_.advance(now());
    end_turn();
  }
  now_is_fresh_ = false;
}

void UvRuntime::end_turn() {
  end_callback();
  while (!deferred_.empty()) {
    deferred_.pop_front().run_deferred();
    end_callback();
  }
  graveyard_.clear();
}

void UvRuntime::deliver_mail() {
  const std::vector<UvMailbox::Task> batch = handles_->mailbox.take();
  if (batch.empty()) return;
  for (const UvMailbox::Task& task : batch) {
    task();
    end_callback();
  }
  end_turn();
}

// The uv_timer only ends the sleep; after_poll does the sweep. It is moved forward, never back: when it fires
// too early, it is armed anew.
void UvRuntime::arm_timer() {
  const base::Time next = wheel_.next();
  if (next >= armed_) return;
  armed_ = next;
  const auto due_ms = static_cast<std::uint64_t>((next.time_since_epoch().count() + 999'999) / 1'000'000);
  const std::uint64_t now_ms = uv_now(loop());
  const auto on_fired = [](uv_timer_t* timer) { owner(timer->loop).armed_ = base::kNever; };
  uv_timer_start(&handles_->timer, on_fired, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

}  // namespace weir::uv
