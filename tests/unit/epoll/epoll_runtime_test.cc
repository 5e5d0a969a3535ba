// What only a real loop has: threads that post, a stop, names, unix sockets.
#include "proxy/epoll/epoll_runtime.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "proxy/epoll/listen_socket.h"
#include "tests/unit/catch.h"

namespace weir::epoll {

namespace {

struct Echo : io::TransportHandler {
  io::TransportPtr transport;
  std::string received;
  bool connected = false;
  bool ended = false;
  void on_connected() override { connected = true; }
  void on_read(std::string_view bytes) override { received.append(bytes); }
  void on_read_end() override { ended = true; }
  void on_read_error(const base::Error&) override {}
  void on_sent(std::size_t) override {}
  void on_write_error(const base::Error&) override {}
};

struct OneAcceptor : io::AcceptHandler {
  io::TransportPtr accepted;
  void on_accept(io::TransportPtr transport) override { accepted = std::move(transport); }
};

// Both ends of one, of one loop.
struct OverUnixSocket {
  explicit OverUnixSocket(EpollRuntime& runtime) {
    REQUIRE(::mkdtemp(folder.data()) != nullptr);
    io::Address address;
    address.kind = io::Address::Kind::unix_path;
    address.text_ = folder + "/socket";
    socket = open_listen_socket(address).value();
    OneAcceptor acceptor;
    const auto listener = runtime.listen(socket, acceptor);
    ends.client.transport = runtime.connect(address, ends.client);
    CHECK_FALSE(ends.client.connected);
    while (!ends.client.connected || !acceptor.accepted) runtime.run_once();
    ends.server.transport = std::move(acceptor.accepted);
    ends.server.transport->set_handler(ends.server);
  }
  ~OverUnixSocket() {
    close_listen_socket(socket);
    std::filesystem::remove_all(folder);
  }

  std::string folder = (std::filesystem::temp_directory_path() / "weir-XXXXXX").string();
  io::ListenSocket socket;
  struct {
    Echo client, server;
  } ends;
};

}  // namespace

TEST_CASE("threads post; each one's tasks keep their order; the last stops the loop") {
  constexpr int kThreads = 4;
  constexpr int kTasks = 5000;
  EpollRuntime runtime;
  std::vector<std::vector<int>> ran(kThreads);
  int left = kThreads * kTasks;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kTasks; ++i) {
        runtime.post([&, thread, i] {
          ran[thread].push_back(i);
          if (--left == 0) runtime.stop();
        });
      }
    });
  }
  runtime.run();
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<int>& order : ran) {
    CHECK(order.size() == kTasks);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
}

TEST_CASE("stopped from another thread while it sleeps; run again") {
  EpollRuntime runtime;
  for (int i = 0; i < 2; ++i) {
    std::thread stopper([&] { runtime.stop(); });
    runtime.run();
    stopper.join();
  }
}

TEST_CASE("tasks that never ran are destroyed with the loop") {
  const auto held = std::make_shared<int>(1);
  {
    EpollRuntime runtime;
    runtime.post([held] {});
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("now stands still within a turn") {
  EpollRuntime runtime;
  bool done = false;
  runtime.post([&] {
    const base::Time start = runtime.now();
    for (int i = 0; i < 1000; ++i) {
      if (runtime.now() != start) FAIL("the clock moved");
    }
    done = true;
  });
  while (!done) runtime.run_once();
}

TEST_CASE("localhost, each address once") {
  EpollRuntime runtime;
  std::vector<io::Ip> found;
  runtime.resolve("localhost", [&](base::Result<std::vector<io::Ip>, std::string> answer) {
    REQUIRE(answer);
    found = *answer;
  });
  CHECK(found.empty());
  while (found.empty()) runtime.run_once();
  for (std::size_t i = 1; i < found.size(); ++i) CHECK_FALSE(found[i] == found[i - 1]);
  const bool loopback =
      found[0].family == io::Ip::Family::v4 ? found[0].bytes[0] == 127 : found[0].bytes[15] == 1;
  CHECK(loopback);
}

TEST_CASE("a lookup that outlives its loop calls nobody") {
  EpollRuntime runtime;
  runtime.resolve("localhost", [](base::Result<std::vector<io::Ip>, std::string>) { FAIL("called"); });
}

TEST_CASE("unix sockets: connected, half-closed, both ways") {
  EpollRuntime runtime;
  OverUnixSocket connection(runtime);
  auto& [client, server] = connection.ends;
  CHECK(server.transport->peer().family == io::Ip::Family::none);
  const std::string bytes(2'000'000, 'x');
  const std::string_view piece = bytes;
  client.transport->write(std::span(&piece, 1));
  client.transport->shutdown_write();
  while (!server.ended) runtime.run_once();
  CHECK(server.received == bytes);
  server.transport->write(std::span(&piece, 1));
  server.transport->shutdown_write();
  while (!client.ended) runtime.run_once();
  CHECK(client.received == bytes);
}

TEST_CASE("nothing is read while reads are held, and the loop sleeps; what has come is read then") {
  EpollRuntime runtime;
  OverUnixSocket connection(runtime);
  auto& [client, server] = connection.ends;
  runtime.hold_reads(true);
  const std::string_view piece = "bytes";
  client.transport->write(std::span(&piece, 1));
  client.transport->shutdown_write();
  runtime.run_once();  // hears of it
  int turns = 0;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    runtime.post([&] { runtime.hold_reads(false); });
  });
  for (; runtime.holds_reads(); ++turns) runtime.run_once();
  other.join();
  CHECK(server.received.empty());
  CHECK(turns < 10);
  while (!server.ended) runtime.run_once();
  CHECK(server.received == piece);
}

}  // namespace weir::epoll
