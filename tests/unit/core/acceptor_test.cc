// Listeners that open, move to another loop, and go, while their clients stay.
#include "proxy/core/acceptor.h"

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

// A loop that knows what is listened on.
struct Lobby {
  struct Door final : io::Listener {
    Door(Lobby& lobby, int fd, io::AcceptHandler& handler) : lobby(lobby), fd(fd), handler(handler) {
      lobby.doors.push_back(this);
    }
    ~Door() { std::erase(lobby.doors, this); }
    void pause() override { paused = true; }
    void resume() override { paused = false; }
    Lobby& lobby;
    const int fd;
    io::AcceptHandler& handler;
    bool paused = false;
  };
  std::vector<Door*> doors;
};

struct ListeningRuntime final : io::Runtime {
  ListeningRuntime(StillRuntime& inner, Lobby& lobby) : inner(inner), lobby(lobby) {}
  base::Time read_clock() const override { return inner.now(); }
  io::TimerWheel& timers() override { return inner.timers(); }
  io::TransportPtr connect(const io::Address& address, io::TransportHandler& handler) override {
    return inner.connect(address, handler);
  }
  std::unique_ptr<io::Listener> listen(io::ListenSocket socket, io::AcceptHandler& handler) override {
    return std::make_unique<Lobby::Door>(lobby, socket.fd, handler);
  }
  void resolve(const std::string& host, Resolved done) override { inner.resolve(host, std::move(done)); }
  void defer(io::Deferred& task) override { inner.defer(task); }
  void touch(io::Flushable& item) override { inner.touch(item); }
  base::Graveyard& graveyard() override { return inner.graveyard(); }
  void post(std::function<void()> task) override { inner.post(std::move(task)); }
  StillRuntime& inner;
  Lobby& lobby;
};

bool says_close(const std::string& answer) {
  return answer.find("Connection: close") != answer.npos;
}

struct House {
  explicit House(config::Config config) : bench(std::move(config)) {}
  Entrance entrance(int fd) {
    return {std::make_shared<const io::ListenSocket>(io::ListenSocket{fd}),
            std::make_shared<observe::ListenerCounts>(1)};
  }
  void come(Lobby::Door& door, PlayedTransport& client) {
    door.handler.on_accept(io::TransportPtr(&client));
    bench.runtime.end_turn();
  }
  std::string ask(PlayedTransport& client, PlayedTransport& node) {
    bench.ask(client, node, kGet);
    bench.runtime.read(node, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    std::string answer = client.take_written();
    if (says_close(answer)) bench.runtime.read_end(client);
    return answer;
  }

  Lobby lobby;
  Bench bench;
  ListeningRuntime runtime{bench.runtime, lobby};
  Acceptor acceptor{runtime, bench.path};
};

}  // namespace

TEST_CASE("a socket that moves to another loop leaves its clients here") {
  PlayedTransport client, nodes[2];
  House house(one_pool({"127.0.0.1:1"}));
  const Entrance one = house.entrance(1), two = house.entrance(2);
  house.acceptor.open({one, two});
  REQUIRE(house.lobby.doors.size() == 2);
  house.come(*house.lobby.doors[0], client);
  house.acceptor.open({two});
  REQUIRE(house.lobby.doors.size() == 1);
  CHECK(house.lobby.doors[0]->fd == 2);
  CHECK(one.socket.use_count() == 1);
  CHECK_FALSE(says_close(house.ask(client, nodes[0])));
  CHECK_FALSE(client.released);
}

TEST_CASE("a listener that is gone empties its queue, and its clients get one more answer") {
  PlayedTransport early, late, other, nodes[3];
  House house(one_pool({"127.0.0.1:1"}));
  const Entrance one = house.entrance(1), two = house.entrance(2);
  house.acceptor.open({one, two});
  house.come(*house.lobby.doors[0], early);
  house.come(*house.lobby.doors[1], other);
  Lobby::Door& door = *house.lobby.doors[0];
  house.acceptor.close(*one.listener, 10s);
  house.come(door, late);  // it was in the queue
  house.bench.runtime.deliver_mail();
  CHECK(house.lobby.doors.size() == 1);
  CHECK(one.socket.use_count() == 1);
  CHECK(says_close(house.ask(late, nodes[0])));
  CHECK(late.released);
  CHECK_FALSE(says_close(house.ask(other, nodes[1])));
  SECTION("within its time") {
    CHECK(says_close(house.ask(early, nodes[2])));
  }
  SECTION("or none") {
    house.bench.runtime.pass(9s);
    CHECK_FALSE(early.released);
    house.bench.runtime.pass(2s);
  }
  CHECK(early.released);
  CHECK_FALSE(other.released);
}

TEST_CASE("a loop that retires is over when its last client has gone") {
  PlayedTransport client, node;
  House house(one_pool({"127.0.0.1:1"}));
  house.acceptor.open({house.entrance(1)});
  house.come(*house.lobby.doors[0], client);
  bool over = false;
  house.acceptor.open({});
  house.acceptor.when_empty([&] { over = true; });
  house.bench.runtime.pass(1h);
  house.bench.runtime.pass(1s);
  CHECK(over);  // its idle time was over
  CHECK(client.released);
}

TEST_CASE("a loop that has retired ends like any other, once") {
  House house(one_pool({"127.0.0.1:1"}));
  house.acceptor.open({house.entrance(1)});
  house.acceptor.open({});
  std::string told;
  house.acceptor.when_empty([&] { told += "over "; });
  house.acceptor.drain(10s, [&] { told += "stopped "; }, [&] { told += "drained "; });
  house.bench.runtime.pass(300ms);  // it would have been over by now
  house.bench.runtime.deliver_mail();
  house.bench.runtime.pass(300ms);
  CHECK(told == "stopped drained ");
}

TEST_CASE("who waits for room by a listener that went is told as well") {
  PlayedTransport in, waits, nodes[2];
  config::Config config = one_pool({"127.0.0.1:1"});
  config.limits.connections = 1;
  House house(std::move(config));
  const Entrance one = house.entrance(1);
  house.acceptor.open({one});
  house.come(*house.lobby.doors[0], in);
  house.come(*house.lobby.doors[0], waits);
  CHECK(house.acceptor.waiting() == 1);
  CHECK(house.lobby.doors[0]->paused);
  house.acceptor.close(*one.listener, 10s);
  house.bench.runtime.deliver_mail();
  CHECK(says_close(house.ask(in, nodes[0])));
  house.bench.runtime.pass(50ms);
  CHECK(house.acceptor.waiting() == 0);
  CHECK(says_close(house.ask(waits, nodes[1])));
}

TEST_CASE("while clients are held nobody is let in, at listeners that come meanwhile neither") {
  PlayedTransport client;
  House house(one_pool({"10.0.0.1:80"}));
  const Entrance first = house.entrance(1), second = house.entrance(2);
  house.acceptor.open({first});
  house.acceptor.hold();
  house.acceptor.hold();
  house.acceptor.open({first, second});
  REQUIRE(house.lobby.doors.size() == 2);
  for (const Lobby::Door* door : house.lobby.doors) CHECK(door->paused);
  house.acceptor.let_in();
  for (const Lobby::Door* door : house.lobby.doors) CHECK_FALSE(door->paused);
}

TEST_CASE("who is held and who waits for room come in when both are over") {
  PlayedTransport in, waits;
  config::Config config = one_pool({"10.0.0.1:80"});
  config.limits.connections = 1;
  House house(std::move(config));
  house.acceptor.open({house.entrance(1)});
  Lobby::Door& door = *house.lobby.doors.at(0);
  house.come(door, in);
  house.come(door, waits);
  CHECK(door.paused);
  SECTION("the room first") {
    house.acceptor.hold();
    house.bench.runtime.read_end(in);
    house.bench.runtime.pass(Acceptor::kLook);
    CHECK(waits.handler != nullptr);  // it was accepted already
    CHECK(door.paused);
    house.acceptor.let_in();
    CHECK_FALSE(door.paused);
  }
  SECTION("the hold first") {
    house.acceptor.hold();
    house.acceptor.let_in();
    CHECK(door.paused);
    house.bench.runtime.read_end(in);
    house.bench.runtime.pass(Acceptor::kLook);
    CHECK_FALSE(door.paused);
  }
}

}  // namespace weir::core
