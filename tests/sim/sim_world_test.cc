// The simulator itself: the same seed is the same run, many seeds lose no byte, and it is fast.
#include "tests/sim/sim_world.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/sim_runtime.h"
#include "tests/unit/catch.h"

namespace weir::sim {

namespace {

// Sends `total` bytes, at most `chunk` at a time, each chunk when the last has gone; and checks what it
// reads.
struct Talker final : io::TransportHandler {
  io::TransportPtr transport;
  std::size_t total = 0;
  std::size_t chunk = 1;
  std::size_t offered = 0;
  std::size_t read = 0;
  std::uint64_t hash = 0;
  bool ended = false;
  bool failed = false;

  static char byte_at(std::size_t position) { return static_cast<char>(position * 131 >> 3); }

  void talk() {
    while (transport->pending() == 0) {
      const std::size_t size = std::min(chunk, total - offered);
      if (size == 0) return transport->shutdown_write();
      std::string bytes(size, '\0');
      for (std::size_t i = 0; i < size; ++i) bytes[i] = byte_at(offered + i);
      offered += size;
      const std::string_view piece = bytes;
      transport->write(std::span(&piece, 1));
    }
  }
  void on_connected() override { talk(); }
  void on_connect_failed(const base::Error&) override { failed = true; }
  void on_read(std::string_view bytes) override {
    for (const char byte : bytes) failed |= byte != byte_at(read++);
    hash = hash * 31 + bytes.size();
  }
  void on_read_end() override { ended = true; }
  void on_read_error(const base::Error&) override { failed = true; }
  void on_sent(std::size_t) override {
    if (transport->pending() == 0) talk();
  }
  void on_write_error(const base::Error&) override { failed = true; }
};

struct Greeter final : io::AcceptHandler {
  std::vector<std::unique_ptr<Talker>> talkers;
  SimRandom random;
  explicit Greeter(std::uint64_t seed) : random(seed) {}
  void on_accept(io::TransportPtr transport) override {
    talkers.push_back(std::make_unique<Talker>());
    Talker& talker = *talkers.back();
    talker.total = random.between(0, 20'000);
    talker.chunk = random.between(1, 5'000);
    talker.transport = std::move(transport);
    talker.transport->set_handler(talker);
    talker.talk();
  }
};

io::Address somewhere() {
  io::Address address;
  address.ip.family = io::Ip::Family::v4;
  address.ip.bytes = {10, 0, 0, 1};
  return address;
}

struct Outcome {
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  base::Time end;
  bool operator==(const Outcome&) const = default;
};

// Two loops share one listening socket; a third connects.
Outcome converse(std::uint64_t seed) {
  SimWorld world(seed);
  SimRuntime one(world);
  SimRuntime other(world);
  SimRuntime clients(world);
  const io::ListenSocket socket = world.listen(somewhere());
  Greeter greeter(seed);
  const auto listener = one.listen(socket, greeter);
  const auto second = other.listen(socket, greeter);
  std::vector<Talker> talkers(8);
  for (Talker& talker : talkers) {
    talker.total = world.random().between(0, 20'000);
    talker.chunk = world.random().between(1, 5'000);
    talker.transport = clients.connect(world.address_of(socket), talker);
  }
  const auto over = [&] {
    const auto ended = [](const auto& talker) { return talker->ended; };
    return greeter.talkers.size() == talkers.size() &&
           std::all_of(greeter.talkers.begin(), greeter.talkers.end(), ended) &&
           std::all_of(talkers.begin(), talkers.end(), [](const Talker& talker) { return talker.ended; });
  };
  REQUIRE(world.run_until(over));
  Outcome outcome{.events = world.events(), .end = world.now()};
  std::size_t sent = 0;
  std::size_t read = 0;
  const auto add = [&](const Talker& talker) {
    CHECK_FALSE(talker.failed);
    CHECK(talker.offered == talker.total);
    sent += talker.total;
    read += talker.read;
    outcome.hash = outcome.hash * 1'000'003 + talker.hash;
  };
  for (const Talker& talker : talkers) add(talker);
  for (const auto& talker : greeter.talkers) add(*talker);
  CHECK(sent == read);
  return outcome;
}

}  // namespace

TEST_CASE("many seeds lose, double or change no byte") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) converse(seed);
}

TEST_CASE("the same seed is the same run, another seed another") {
  CHECK(converse(42) == converse(42));
  CHECK_FALSE(converse(42) == converse(43));
}

TEST_CASE("connections wait in the queue of a socket, and are reset when it closes") {
  SimWorld world(1);
  SimRuntime runtime(world);
  const io::ListenSocket socket = world.listen(somewhere());
  Talker talker;
  talker.transport = runtime.connect(world.address_of(socket), talker);
  talker.total = 10;
  world.run_until(world.now() + std::chrono::seconds(5));
  CHECK(talker.offered == 10);
  CHECK_FALSE(talker.failed);
  world.close(socket);
  world.run_until(world.now() + std::chrono::seconds(5));
  CHECK(talker.failed);
}

TEST_CASE("names resolve from a table") {
  SimWorld world(1);
  SimRuntime runtime(world);
  const std::vector<io::Ip> ips = {somewhere().ip};
  world.set_name("app.example", ips);
  std::vector<io::Ip> found;
  runtime.resolve("app.example",
                  [&](base::Result<std::vector<io::Ip>, std::string> answer) { found = *answer; });
  CHECK(found.empty());
  REQUIRE(world.run_until([&] { return !found.empty(); }));
  CHECK(found == ips);
}

TEST_CASE("what the end of a task posts ends with the loop, too") {
  SimWorld world(1);
  const auto held = std::make_shared<int>(1);
  {
    SimRuntime runtime(world);
    auto end = [&runtime, held](const int* last) {
      delete last;
      runtime.post([held] {});
    };
    runtime.post([last = std::shared_ptr<const int>(new int(2), end)] {});
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("time passes without a wait") {
  SimWorld world(1);
  const base::Time start = world.now();
  CHECK_FALSE(world.run_until([] { return false; }, start + std::chrono::hours(1)));
  world.run_until(start + std::chrono::hours(24 * 365));
  CHECK(world.now() == start + std::chrono::hours(24 * 365));
}

}  // namespace weir::sim
