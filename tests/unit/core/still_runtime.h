// A loop whose time stands still until it is moved, and connections that a test plays itself: what a DataPath
// needs to be tried without a network.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/core/data_path.h"

namespace weir::core {

inline const std::string kGet = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
inline const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Outlives the data path that it is given to; `released` says that it was let go of.
struct PlayedTransport final : io::Transport {
  void set_handler(io::TransportHandler& to) override { handler = &to; }
  std::size_t write(std::span<const std::string_view> pieces) override {
    std::size_t size = 0;
    for (std::string_view piece : pieces) size += piece.size(), written.append(piece);
    if (takes) return size;
    waiting += size;
    return 0;
  }
  std::size_t pending() const override { return waiting; }
  bool quiet() override { return true; }
  void pause() override { paused = true; }
  void resume() override { paused = false; }
  void shutdown_write() override { write_ended = true; }
  void reset() override { was_reset = true; }
  const io::Ip& peer() const override { return ip; }
  std::uint16_t peer_port() const override { return 0; }
  io::IpPort local() const override { return here; }
  std::size_t unacknowledged() const override { return in_kernel; }
  void release() override { released = true; }

  // All that has been written, heads and bodies; and nothing of it any more.
  std::string take_written() { return std::exchange(written, {}); }

  io::TransportHandler* handler = nullptr;
  std::string written;
  std::size_t waiting = 0;  // bytes that were not taken
  std::size_t in_kernel = 0;
  bool takes = true;
  bool paused = false;
  bool write_ended = false;
  bool was_reset = false;
  bool released = false;
  io::Ip ip;
  io::IpPort here;
};

class StillRuntime final : public io::Runtime {
 public:
  StillRuntime() { wheel_.advance(time_); }

  base::Time read_clock() const override { return time_; }
  io::TimerWheel& timers() override { return wheel_; }
  io::TransportPtr connect(const io::Address& address, io::TransportHandler& handler) override {
    connects.push_back(address.text());
    connecting = &handler;
    if (next.empty()) return nullptr;
    PlayedTransport* node = next.front();
    next.pop_front();
    node->handler = &handler;
    return io::TransportPtr(node);
  }
  std::unique_ptr<io::Listener> listen(io::ListenSocket, io::AcceptHandler& handler) override {
    accepting = &handler;
    return nullptr;
  }
  void resolve(const std::string& host, Resolved done) override {
    lookups.push_back(host);
    answer_lookup = std::move(done);
  }
  void defer(io::Deferred& task) override {
    if (!task.linked()) deferred_.push_back(task);
  }
  void touch(io::Flushable& item) override {
    if (!item.linked()) touched_.push_back(item);
  }
  base::Graveyard& graveyard() override { return dead_; }
  void post(std::function<void()> task) override {
    const std::lock_guard lock(mail_mutex_);
    mail_.push_back(std::move(task));
    ++posted;
    mail_came_.notify_one();
  }
  std::int64_t wall_ms() const override { return wall_ns() / 1'000'000; }
  std::int64_t wall_ns() const override { return kWallAtZero + time_.time_since_epoch().count(); }

  static constexpr std::int64_t kWallAtZero = 1'700'000'000'000'000'000;

  void deliver_mail() {
    while (const auto task = take_mail()) task(), end_turn();
  }
  // Until another thread has posted something.
  void await_mail() {
    std::unique_lock lock(mail_mutex_);
    mail_came_.wait(lock, [this] { return !mail_.empty(); });
  }
  void end_turn() {
    while (!touched_.empty() || !deferred_.empty()) {
      while (!touched_.empty()) touched_.pop_front().flush();
      if (!deferred_.empty()) deferred_.pop_front().run_deferred();
    }
    dead_.clear();
  }
  void pass(base::Duration span) {
    time_ += span;
    wheel_.advance(time_);
    end_turn();
  }
  // The outcome of the latest connect.
  void connected() {
    connecting->on_connected();
    end_turn();
  }
  void refused() {
    connecting->on_connect_failed({.reason = base::Reason::connect_refused,
                                   .fault = base::Fault::upstream,
                                   .retry = base::Retry::not_processed,
                                   .detail = "connection refused"});
    end_turn();
  }
  void no_descriptor() {
    connecting->on_connect_failed({.reason = base::Reason::overloaded, .detail = "no descriptor"});
    end_turn();
  }
  void read(PlayedTransport& from, std::string_view bytes) {
    from.handler->on_read(bytes);
    end_turn();
  }
  void read_end(PlayedTransport& from) {
    from.handler->on_read_end();
    end_turn();
  }
  void read_error(PlayedTransport& from) {
    from.handler->on_read_error({.reason = base::Reason::internal, .detail = "reset"});
    end_turn();
  }
  void write_error(PlayedTransport& from) {
    from.handler->on_write_error({.reason = base::Reason::internal, .detail = "broken pipe"});
    end_turn();
  }

  std::deque<PlayedTransport*> next;  // what connects get, in order
  std::vector<std::string> connects;  // where to
  io::TransportHandler* connecting = nullptr;
  io::AcceptHandler* accepting = nullptr;  // of the latest listen
  std::size_t posted = 0;                  // pieces of mail, in all
  std::vector<std::string> lookups;
  Resolved answer_lookup;  // the latest one's

 private:
  base::Time time_{std::chrono::seconds(1)};
  io::TimerWheel wheel_;
  base::Graveyard dead_;
  base::IntrusiveList<io::Deferred, io::DeferTag> deferred_;
  base::IntrusiveList<io::Flushable, io::FlushTag> touched_;
  std::function<void()> take_mail() {
    const std::lock_guard lock(mail_mutex_);
    if (mail_.empty()) return nullptr;
    auto task = std::move(mail_.front());
    mail_.pop_front();
    return task;
  }

  std::mutex mail_mutex_;
  std::condition_variable mail_came_;
  std::deque<std::function<void()>> mail_;
};

// The spans that come out of a data path.
struct TakenSpans final : observe::SpanSink {
  void take(observe::SpanBatch batch) override {
    for (observe::Span& span : batch.spans) spans.push_back(std::move(span));
  }
  void on_dropped(std::uint64_t count) override { dropped += count; }

  std::vector<observe::Span> spans;
  std::uint64_t dropped = 0;
};

// Of which one try follows the other at once, and bodies go on as they come.
inline config::Config one_pool(std::vector<std::string> nodes) {
  config::Config config;
  config.pools.emplace_back();
  config.pools.back().name = "app";
  config.pools.back().retry.backoff = base::Duration::zero();
  config.pools.back().request_buffer = 0;
  for (const std::string& node : nodes) {
    config.pools.back().nodes.emplace_back();
    config.pools.back().nodes.back().address = io::Address::parse(node).value();
  }
  config.routes.emplace_back();
  config.routes.back().name = "default";
  config.routes.back().pool = "app";
  return config;
}

// A data path on such a loop, with the snapshots that it is given.
struct Bench {
  explicit Bench(config::Config config) { publish(std::move(config)); }
  std::weak_ptr<const Snapshot> publish(config::Config config) {
    auto snapshot = std::make_shared<const Snapshot>(std::move(config), nodes, ResolvedNames{});
    snapshot->apply_limits();
    path.publish(snapshot);
    runtime.end_turn();
    return snapshot;
  }
  void accept(PlayedTransport& client) {
    path.reserve();
    path.accept(io::TransportPtr(&client), listener_counts, reception);
  }
  // A request whose node connection is made now.
  void ask(PlayedTransport& client, PlayedTransport& node, std::string_view request) {
    runtime.next = {&node};
    runtime.read(client, request);
    runtime.connected();
  }

  StillRuntime runtime;
  SharedCounts counts;
  NodeTable nodes{1};
  std::shared_ptr<observe::ListenerCounts> listener_counts = std::make_shared<observe::ListenerCounts>(1);
  observe::ListenerShare& listener = listener_counts->of(0);
  std::shared_ptr<Reception> reception =
      std::make_shared<Reception>(ListenerTerms{.protocol = config::Protocol::h1});
  TakenSpans taken;
  DataPath path{runtime, counts, 0, 1, nullptr, &taken};
};

}  // namespace weir::core
