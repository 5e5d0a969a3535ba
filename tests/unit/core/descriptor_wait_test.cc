// An exchange that finds no descriptor for its node waits a moment and tries again, whatever the client sends
// meanwhile.
#include <chrono>
#include <string>
#include <vector>

#include "proxy/core/data_path.h"
#include "tests/unit/catch.h"

using namespace weir;

namespace {

// A connection that takes all that is written.
struct OpenTransport final : io::Transport {
  void set_handler(io::TransportHandler& to) override { handler = &to; }
  std::size_t write(std::span<const std::string_view> pieces) override {
    std::size_t size = 0;
    for (std::string_view piece : pieces) size += piece.size(), written.append(piece);
    return size;
  }
  std::size_t pending() const override { return 0; }
  bool quiet() override { return true; }
  void pause() override {}
  void resume() override {}
  void shutdown_write() override {}
  void reset() override {}
  const io::Ip& peer() const override { return ip; }
  std::uint16_t peer_port() const override { return 0; }
  void release() override {}

  io::TransportHandler* handler = nullptr;
  std::string written;
  io::Ip ip;
};

// A loop whose time stands still until it is moved, and which has a descriptor only if `node` is given.
struct ShortRuntime final : io::Runtime {
  base::Time now() const override { return time; }
  io::TimerWheel& timers() override { return wheel; }
  io::TransportPtr connect(const io::Address&, io::TransportHandler& handler) override {
    ++connects;
    connecting = &handler;
    return node ? io::TransportPtr(node) : nullptr;
  }
  std::unique_ptr<io::Listener> listen(io::ListenSocket, io::AcceptHandler&) override { return nullptr; }
  void resolve(const std::string&, Resolved) override {}
  void defer(io::Deferred& task) override {
    if (!task.linked()) deferred.push_back(task);
  }
  void touch(io::Flushable& item) override {
    if (!item.linked()) touched.push_back(item);
  }
  base::Graveyard& graveyard() override { return dead; }
  void post(std::function<void()>) override {}

  void end_turn() {
    while (!touched.empty() || !deferred.empty()) {
      while (!touched.empty()) touched.pop_front().flush();
      if (!deferred.empty()) deferred.pop_front().run_deferred();
    }
    dead.clear();
  }
  void pass(base::Duration span) {
    time += span;
    wheel.advance(time);
    end_turn();
  }
  // The outcome of the latest connect.
  void come_of_connect() {
    node ? connecting->on_connected()
         : connecting->on_connect_failed({.reason = base::Reason::overloaded, .detail = "no descriptor"});
    end_turn();
  }

  base::Time time{std::chrono::seconds(1)};
  io::TimerWheel wheel;
  base::Graveyard dead;
  base::IntrusiveList<io::Deferred, io::DeferTag> deferred;
  base::IntrusiveList<io::Flushable, io::FlushTag> touched;
  OpenTransport* node = nullptr;
  io::TransportHandler* connecting = nullptr;
  int connects = 0;
};

config::Config one_node() {
  config::Config config;
  config.pools.push_back({.name = "app",
                          .strategy = "round-robin",
                          .hash = {},
                          .nodes = {{*io::Address::parse("127.0.0.1:80")}},
                          .retry = {},
                          .keepalive = {},
                          .timeouts = {}});
  config.routes.push_back({.name = "default", .match = {}, .pool = "app", .host = {}, .timeouts = {}});
  return config;
}

}  // namespace

TEST_CASE("the end of a request does not end the wait for a descriptor") {
  ShortRuntime runtime;
  OpenTransport client, node;
  core::SharedCounts counts;
  core::NodeTable nodes;
  core::DataPath path(runtime, counts, 1, nullptr);
  path.publish(std::make_shared<const core::Snapshot>(one_node(), nodes, core::ResolvedNames{}));
  REQUIRE(path.reserve());
  path.accept(io::TransportPtr(&client));

  client.handler->on_read("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbo");
  runtime.end_turn();
  REQUIRE(runtime.connects == 1);
  runtime.come_of_connect();
  client.handler->on_read("dy");
  runtime.end_turn();
  CHECK(runtime.connects == 1);

  runtime.node = &node;
  runtime.pass(std::chrono::milliseconds(50));
  REQUIRE(runtime.connects == 2);
  runtime.come_of_connect();
  CHECK(node.written.ends_with("\r\n\r\nbody"));
}
