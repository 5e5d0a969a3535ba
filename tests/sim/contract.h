// The contract suite: facts about io::Runtime and io::Transport that hold in the simulator and over epoll
// alike. A driver makes a world, says where to connect to, and turns its loop until something is so. Nothing
// sleeps.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/io/runtime.h"
#include "proxy/io/transport.h"
#include "tests/sim/contract_epoll.h"
#include "tests/sim/contract_sim.h"
#include "tests/unit/catch.h"

#define WEIR_CONTRACT(name)                                                                       \
  TEMPLATE_TEST_CASE(name, "[contract]", weir::contract::EpollDriver, weir::contract::CalmDriver, \
                     weir::contract::HostileDriver)

namespace weir::contract {

// One end of a connection: writes down what it hears, and then lets the test act.
struct Peer final : io::TransportHandler {
  std::string received;
  std::string events;  // c onnected, f ailed, r ead, e nd, x (read error), s ent, w rite error
  std::size_t sent = 0;
  base::Error error;
  std::function<void(char event)> then = [](char) {};
  io::TransportPtr transport;

  bool heard(char event) const { return events.find(event) != std::string::npos; }
  bool read_over() const { return heard('e') || heard('x'); }
  std::size_t write(std::string_view bytes) { return transport->write(std::span(&bytes, 1)); }

  void on_connected() override { hear('c'); }
  void on_connect_failed(const base::Error& why) override { error = why, hear('f'); }
  void on_read(std::string_view bytes) override { received.append(bytes), hear('r'); }
  void on_read_end() override { hear('e'); }
  void on_read_error(const base::Error& why) override { error = why, hear('x'); }
  void on_sent(std::size_t bytes) override { sent += bytes, hear('s'); }
  void on_write_error(const base::Error& why) override { error = why, hear('w'); }

 private:
  void hear(char event) {
    if (event != 'r' && event != 's') REQUIRE_FALSE(heard(event));
    events += event;
    then(event);
  }
};

struct Acceptor final : io::AcceptHandler {
  std::vector<io::TransportPtr> accepted;
  std::function<void()> then = [] {};
  void on_accept(io::TransportPtr transport) override {
    accepted.push_back(std::move(transport));
    then();
  }
};

// A listener, and `client` connected to `server`. The server's handler is set, the client's events are empty.
template <class Driver>
struct Pair {
  explicit Pair(Driver& world)
      : driver(world), socket(world.listen()), listener(world.runtime().listen(socket, acceptor)) {
    join(client, server);
  }
  ~Pair() {
    listener.reset();
    driver.close(socket);
  }
  void join(Peer& one, Peer& other) {
    one.transport = driver.runtime().connect(driver.address(socket), one);
    driver.until([&] { return one.heard('c') && !acceptor.accepted.empty(); });
    one.events.clear();
    other.transport = std::move(acceptor.accepted.back());
    acceptor.accepted.clear();
    other.transport->set_handler(other);
  }

  Driver& driver;
  Acceptor acceptor;
  io::ListenSocket socket;
  std::unique_ptr<io::Listener> listener;
  Peer client;
  Peer server;
};

struct Task final : io::Deferred {
  std::function<void()> run;
  explicit Task(std::function<void()> f) : run(std::move(f)) {}
  void run_deferred() override { run(); }
};

struct Item final : io::Flushable {
  std::function<void()> run;
  explicit Item(std::function<void()> f) : run(std::move(f)) {}
  void flush() override { run(); }
};

struct Alarm final : io::TimerHandler {
  std::function<void()> run;
  io::Timer timer;
  Alarm(io::Runtime& runtime, std::function<void()> f) : run(std::move(f)), timer(runtime.timers(), *this) {}
  void on_timer() override { run(); }
};

// Bytes whose every position can be told from its neighbours.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

inline bool is_prefix(std::string_view part, std::string_view whole) {
  return whole.substr(0, part.size()) == part;
}

}  // namespace weir::contract
