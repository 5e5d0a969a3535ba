// A simulated network with nodes that behave as a test says, and a prober that checks them: the fixture of
// the prober's tests. Time is virtual; each node writes down when it was asked.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/core/prober.h"
#include "tests/sim/sim_runtime.h"

namespace weir::sim {

using namespace std::chrono_literals;

// What a node does with whoever connects.
enum class Conduct : std::uint8_t {
  answer,    // with `answer`, in one piece, and closes
  dripping,  // with `answer`, a byte each 100 ms
  silent,    // says nothing
  endless,   // a 200, and a body without end
  closing,   // FIN at once
  resetting,
};

class SimNode final : io::AcceptHandler {
 public:
  SimNode(SimWorld& world, SimRuntime& runtime, const io::Address& address);
  ~SimNode();

  Conduct conduct = Conduct::answer;
  std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  void be(Conduct now) { conduct = now; }
  void say(int status) {
    conduct = Conduct::answer;
    answer = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: 2\r\n\r\nno";
  }

  // From the next request on, again and again: + for 200, - for 500.
  void follow(std::string course) {
    course_ = std::move(course);
    step_ = 0;
  }

  io::Address address;
  std::vector<base::Time> asked;      // when each connection came
  std::vector<std::string> requests;  // their heads

 private:
  class Visit;
  void on_accept(io::TransportPtr transport) override;
  void take_step();

  SimWorld& world_;
  SimRuntime& runtime_;
  std::string course_;
  std::size_t step_ = 0;
  io::ListenSocket socket_;
  std::unique_ptr<io::Listener> listener_;
  std::vector<std::unique_ptr<Visit>> visits_;
};

// The prober in that network, with one pool `app`.
class CheckedWorld {
 public:
  explicit CheckedWorld(std::size_t nodes, SimRules rules = SimRules::calm(), std::uint64_t seed = 1,
                        std::size_t most_at_once = 1000);
  ~CheckedWorld();

  config::Pool& pool() { return config.pools[0]; }
  config::Health& health() { return *pool().health; }
  void watch();  // the configuration as it is now

  void run(base::Duration span) { world.run_until(world.now() + span); }
  // Until the node's word is this; how long it took.
  base::Duration until(std::size_t node, balancer::Health word, base::Duration at_most = 1min);
  base::Duration until_asked(std::size_t node, std::size_t times);
  std::size_t how_many(balancer::Health word);
  core::Endpoint& endpoint(std::size_t node) { return *snapshot->pools[0].endpoints.at(node); }
  balancer::Health word(std::size_t node) { return endpoint(node).node->state().health; }
  std::string reason(std::size_t node) { return endpoint(node).history.view().health.reason; }
  std::string last_check(std::size_t node) { return endpoint(node).history.view().last_check.value().text; }

  SimWorld world;
  SimRuntime servers{world};
  SimRuntime control{world};
  std::vector<std::unique_ptr<SimNode>> nodes;
  config::Config config;
  core::NodeTable table{1};
  std::shared_ptr<const core::Snapshot> snapshot;
  std::vector<std::shared_ptr<const core::NodeChanges>> told;
  std::vector<base::Time> told_at;
  int begun = 0;
  std::unique_ptr<core::Prober> prober;
};

}  // namespace weir::sim
