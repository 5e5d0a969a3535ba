// A pool with `max_connections` over two workers, whose clients and nodes a test plays itself.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/core/still_runtime.h"

namespace weir::core {

inline config::Config bound(std::uint64_t node, std::vector<std::string> nodes = {"127.0.0.1:1"}) {
  config::Config config = one_pool(std::move(nodes));
  for (config::Node& each : config.pools[0].nodes) each.max_connections = node;
  return config;
}

inline config::Config pool_bound(std::uint64_t pool, std::vector<std::string> nodes) {
  config::Config config = one_pool(std::move(nodes));
  config.pools[0].max_connections = pool;
  return config;
}

// A worker, and what its clients and nodes say.
struct Hand {
  Hand(SharedCounts& counts, std::size_t number) : path(runtime, counts, number, 1, nullptr) {}

  StillRuntime runtime;
  DataPath path;
};

struct TwoWorkers {
  explicit TwoWorkers(config::Config config) { publish(std::move(config)); }

  void publish(config::Config config) {
    auto snapshot = std::make_shared<const Snapshot>(std::move(config), nodes, ResolvedNames{});
    snapshot->apply_limits();
    for (Hand* each : {&one, &two}) each->path.publish(snapshot), each->runtime.end_turn();
  }
  PlayedTransport& transport() { return transports.emplace_back(); }
  // A client of that worker that asks now.
  PlayedTransport& ask(Hand& at, PlayedTransport& client) {
    if (client.handler == nullptr) {
      at.path.reserve();
      at.path.accept(io::TransportPtr(&client), listener, reception);
    }
    at.runtime.read(client, kGet);
    return client;
  }
  PlayedTransport& ask(Hand& at) { return ask(at, transport()); }
  // What both were told.
  void deliver() {
    for (int i = 0; i < 8; ++i)
      for (Hand* each : {&one, &two}) each->runtime.deliver_mail();
  }
  Endpoint& node(int number) {
    return *nodes.find("app", io::Address::parse("127.0.0.1:" + std::to_string(number)).value());
  }
  PoolShared& pool() { return *nodes.pool_shared("app"); }

  std::list<PlayedTransport> transports;
  SharedCounts counts;
  NodeTable nodes{2};
  std::shared_ptr<observe::ListenerCounts> listener = std::make_shared<observe::ListenerCounts>(2);
  std::shared_ptr<Reception> reception =
      std::make_shared<Reception>(ListenerTerms{.protocol = config::Protocol::h1});
  Hand one{counts, 0}, two{counts, 1};
};

// The node's end of the next connection that this worker makes.
inline PlayedTransport& next_node(TwoWorkers& workers, Hand& at) {
  PlayedTransport& node = workers.transport();
  at.runtime.next.push_back(&node);
  return node;
}

inline bool has_ok(const PlayedTransport& client) {
  return client.written.starts_with("HTTP/1.1 200 ");
}

}  // namespace weir::core
