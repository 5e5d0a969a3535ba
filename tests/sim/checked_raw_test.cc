// Raw connections in the hostile network: clients and nodes that send, end and reset when the seed says so,
// through the production path. Whatever happens, no byte is another than was sent, no side takes a cut for an
// end, memory is bounded, and nothing is left over.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "proxy/codec/proxy_header.h"
#include "proxy/core/acceptor.h"
#include "tests/sim/loopback.h"
#include "tests/sim/sim_runtime.h"
#include "tests/unit/catch.h"

namespace weir::sim {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kIdSize = 4;
constexpr std::size_t kNever = SIZE_MAX;

// What one connection does, by its number; 0 is the client's side, 1 the node's.
struct RawPlan {
  std::array<std::size_t, 2> total;     // bytes that it sends before it ends
  std::array<std::size_t, 2> reset_at;  // so many bytes, instead of the end; kNever: it does not
  bool resets() const { return reset_at[0] != kNever || reset_at[1] != kNever; }
};

char raw_byte(std::uint32_t id, unsigned side, std::size_t position) {
  if (side == 0 && position < kIdSize) return static_cast<char>(id >> (8 * position));
  return static_cast<char>((position * 131 >> 3) ^ (id * 7 + side));
}

// One side of one connection.
struct RawPeer : io::TransportHandler {
  RawPeer(SimRandom& chance, unsigned its_side) : random(chance), side(its_side) {}

  void talk() {
    while (transport && !shut && transport->pending() == 0) {
      if (offered >= plan->reset_at[side]) return reset();
      const std::size_t size = std::min<std::size_t>(random.between(1, 30'000), plan->total[side] - offered);
      if (size == 0) {
        shut = true;
        return transport->shutdown_write();
      }
      std::string bytes(size, '\0');
      for (std::size_t i = 0; i < size; ++i) bytes[i] = raw_byte(id, side, offered + i);
      offered += size;
      const std::string_view piece = bytes;
      transport->write(std::span(&piece, 1));
    }
  }
  void reset() {
    did_reset = true;
    transport->reset();
    end();
  }
  void take(std::string_view bytes) {
    for (const char byte : bytes) is_wrong |= byte != raw_byte(id, 1 - side, read++);
  }
  // Both directions are over.
  void settle() {
    if (transport && (saw_end || saw_reset) && (shut || is_deaf) && transport->pending() == 0) end();
  }
  void end() { transport.reset(); }
  bool is_over() const { return transport == nullptr; }

  void on_connect_failed(const base::Error&) override {
    saw_reset = true;
    end();
  }
  void on_read(std::string_view bytes) override { take(bytes); }
  void on_read_end() override {
    saw_end = true;
    settle();
  }
  void on_read_error(const base::Error&) override {
    saw_reset = true;
    end();
  }
  void on_sent(std::size_t) override {
    talk();
    settle();
  }
  void on_write_error(const base::Error&) override {
    is_deaf = true;
    settle();
  }

  SimRandom& random;
  const unsigned side;
  const RawPlan* plan = nullptr;
  std::uint32_t id = 0;
  io::TransportPtr transport;
  std::size_t offered = 0, read = 0;
  bool shut = false, did_reset = false, saw_end = false, saw_reset = false, is_deaf = false, is_wrong = false;
};

struct RawClient final : RawPeer {
  RawClient(SimRandom& chance, std::string with) : RawPeer(chance, 0), header(std::move(with)) {}

  void on_connected() override {
    const std::string_view piece = header;
    if (!piece.empty()) transport->write(std::span(&piece, 1));
    talk();
    settle();
  }
  const std::string header;
};

struct RawTrial;

// It learns from the first bytes whose connection this is.
struct RawServer final : RawPeer {
  RawServer(RawTrial& its_trial, SimRandom& chance) : RawPeer(chance, 1), trial(its_trial) {}
  void on_read(std::string_view bytes) override;
  void on_read_end() override {
    if (plan == nullptr) return end();
    RawPeer::on_read_end();
  }

  RawTrial& trial;
  std::optional<codec::ProxyHeaderReader> header;
  bool has_header = false;
  std::string first;
};

struct RawNode final : io::AcceptHandler {
  RawNode(RawTrial& its_trial, const io::Address& at);
  void on_accept(io::TransportPtr transport) override;

  RawTrial& trial;
  io::ListenSocket socket;
  io::Address address;
  std::unique_ptr<io::Listener> listener;
  std::vector<std::unique_ptr<RawServer>> servers;
};

struct RawTrial {
  explicit RawTrial(std::uint64_t seed)
      : world(seed),
        random(seed ^ 0x5eed),
        header_in(random.percent(50)),
        header_out(random.percent(50)),
        removes(random.percent(30)) {
    for (std::uint16_t port = 1; port <= 3; ++port)
      nodes.push_back(std::make_unique<RawNode>(*this, contract::loopback(port)));
    if (random.percent(30)) world.set_fate(nodes[0]->address, SimWorld::Fate::refused);
    if (random.percent(30)) world.set_fate(nodes[1]->address, SimWorld::Fate::black_hole);
    if (random.percent(20)) world.set_fate(nodes[0]->address, SimWorld::Fate::fails_at_once);
    publish(3);
    reception->use({.mode = config::Mode::tcp,
                    .proxy_protocol = header_in ? config::ProxyProtocol::any : config::ProxyProtocol::off});
    socket = world.listen(contract::loopback(80));
    acceptor.open({{std::make_shared<const io::ListenSocket>(socket), counts, reception}});
  }

  void publish(std::size_t count) {
    config::Config config;
    config.trusted_proxies = {io::IpPrefix::parse("127.0.0.0/8").value()};
    config.drain_timeout = 1s;
    config::Pool& pool = config.pools.emplace_back();
    pool.name = "app";
    pool.proxy_protocol = header_out ? config::ProxyProtocol::v2 : config::ProxyProtocol::off;
    for (std::size_t i = 0; i < count; ++i) pool.nodes.emplace_back().address = nodes[i]->address;
    config.routes.emplace_back().pool = "app";
    path.publish(std::make_shared<const core::Snapshot>(config, table, core::ResolvedNames{}));
  }

  static io::IpPort source_of(std::uint32_t id) {
    return {io::Ip::parse("192.0.2.7").value(), static_cast<std::uint16_t>(1000 + id)};
  }

  void add_client(std::uint32_t id) {
    const auto when = [&](std::size_t total) {
      return random.percent(15) ? static_cast<std::size_t>(random.between(kIdSize, total)) : kNever;
    };
    const std::size_t up = random.between(kIdSize, 200'000), down = random.between(kIdSize, 200'000);
    plans.push_back(std::make_unique<RawPlan>(RawPlan{{up, down}, {when(up), when(down)}}));
    const auto version = random.percent(50) ? codec::ProxyVersion::v1 : codec::ProxyVersion::v2;
    std::string header =
        header_in ? codec::proxy_header(version, source_of(id), {contract::loopback(0).ip, 80}) : "";
    RawClient& client = *clients.emplace_back(std::make_unique<RawClient>(random, std::move(header)));
    client.id = id;
    client.plan = plans.back().get();
    client.transport = peers.connect(contract::loopback(80), client);
  }

  bool is_over() {
    if (!std::all_of(clients.begin(), clients.end(), [](const auto& client) { return client->is_over(); }))
      return false;
    for (const auto& node : nodes)
      for (const auto& server : node->servers)
        if (!server->is_over()) return false;
    return path.drained();
  }

  void run() {
    constexpr std::uint32_t kClients = 12;
    for (std::uint32_t id = 0; id < kClients; ++id) {
      add_client(id);
      world.run_until(world.now() + std::chrono::microseconds(random.between(0, 30'000)));
      if (removes && id == kClients / 2) publish(2);
    }
    CHECK(world.run_until([this] { return is_over(); }, world.now() + 2h));
    check();
  }

  // Whose connection came to this node's side.
  const RawServer* server_of(std::uint32_t id) const {
    for (const auto& node : nodes)
      for (const auto& server : node->servers)
        if (server->plan != nullptr && server->id == id) return server.get();
    return nullptr;
  }

  void check() const {
    std::uint64_t requests = 0;
    for (const auto& client : clients) {
      INFO("connection " << client->id);
      const RawServer* server = server_of(client->id);
      CHECK_FALSE(client->is_wrong);
      if (server != nullptr) CHECK_FALSE(server->is_wrong);
      if (client->saw_end) {
        REQUIRE(server != nullptr);
        CHECK(server->shut);
        CHECK(client->read == client->plan->total[1]);
      }
      if (server != nullptr && server->saw_end) {
        CHECK(client->shut);
        CHECK(server->read == client->plan->total[0]);
      }
      if (client->plan->resets() || removes) continue;
      CHECK(client->saw_end);
      REQUIRE(server != nullptr);
      CHECK(server->saw_end);
    }
    CHECK_FALSE(is_header_wrong);
    const observe::ListenerShare& share = counts->of(0);
    CHECK(shared.client_connections == 0);
    const auto& [from_clients, to_clients] = weir.carried(world.address_of(socket).port);
    CHECK(share.received_bytes.get() == from_clients);
    CHECK(share.sent_bytes.get() == to_clients);
    for (const observe::Count& state : share.clients) CHECK(state.get() == 0);
    for (std::size_t digit = 0; digit < observe::StatusClasses::kNames.size(); ++digit)
      requests += path.snapshot().routes[0].counts->of(0).answers.get(digit);
    CHECK(requests == share.requests.get());
    for (const auto& endpoint : path.snapshot().pools[0].endpoints) {
      CHECK(endpoint->node->in_flight() == 0);
      CHECK(observe::open_tunnels(endpoint->counts) == 0);
      CHECK(observe::open_connections(endpoint->counts) == 0);
    }
    CHECK(weir.most_kept() <= 64 * 1024 + SimRuntime::kReadBuffer);
  }

  SimWorld world;
  SimRandom random;
  const bool header_in, header_out;
  const bool removes;  // a node, in mid-traffic
  bool is_header_wrong = false;
  SimRuntime peers{world}, weir{world, 1};
  std::vector<std::unique_ptr<RawPlan>> plans;
  std::vector<std::unique_ptr<RawNode>> nodes;
  std::vector<std::unique_ptr<RawClient>> clients;
  core::SharedCounts shared;
  core::NodeTable table{1};
  std::shared_ptr<observe::ListenerCounts> counts = std::make_shared<observe::ListenerCounts>(1);
  std::shared_ptr<core::Reception> reception = std::make_shared<core::Reception>();
  core::DataPath path{weir, shared, 0, 1, nullptr};
  core::Acceptor acceptor{weir, path};
  io::ListenSocket socket;
};

RawNode::RawNode(RawTrial& its_trial, const io::Address& at)
    : trial(its_trial),
      socket(trial.world.listen(at)),
      address(at),
      listener(trial.peers.listen(socket, *this)) {}

void RawNode::on_accept(io::TransportPtr transport) {
  RawServer& server = *servers.emplace_back(std::make_unique<RawServer>(trial, trial.random));
  if (trial.header_out) server.header.emplace(codec::ProxyHeaderReader::Takes::v2);
  server.transport = std::move(transport);
  server.transport->set_handler(server);
}

void RawServer::on_read(std::string_view bytes) {
  if (header && !has_header) {
    const auto state = header->read(bytes);
    trial.is_header_wrong |= state > codec::ProxyHeaderReader::State::done;
    if (state != codec::ProxyHeaderReader::State::done) return;
    has_header = true;
    if (bytes.empty()) return;
  }
  if (plan != nullptr) return take(bytes);
  first += bytes;
  if (first.size() < kIdSize) return;
  for (std::size_t i = 0; i < kIdSize; ++i)
    id |= static_cast<std::uint32_t>(static_cast<unsigned char>(first[i])) << (8 * i);
  if (id >= trial.plans.size()) {
    is_wrong = true;
    return;
  }
  plan = trial.plans[id].get();
  if (header && trial.header_in) trial.is_header_wrong |= header->header().source != RawTrial::source_of(id);
  take(first);
  talk();
  settle();
}

}  // namespace

TEST_CASE("raw connections lose no byte and no end, whatever the network does") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    RawTrial trial(seed);
    trial.run();
  }
}

}  // namespace weir::sim
