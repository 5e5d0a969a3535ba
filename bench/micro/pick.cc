// What choosing a node costs: every strategy, 3 to 10,000 nodes, equal and mixed weights, idle and loaded.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "balancer/balancer.h"
#include "balancer/hash.h"
#include "balancer/slot_table.h"
#include "balancer/strategies.h"

namespace weir::balancer {
namespace {

enum class Weights { equal, mixed };

std::vector<std::shared_ptr<Node>> nodes(std::size_t count, Weights weights) {
  std::vector<std::shared_ptr<Node>> made;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t weight =
        weights == Weights::equal ? 1 : 1 + static_cast<std::uint32_t>(i * 7919 % 1000);
    made.push_back(
        std::make_shared<Node>("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250), weight));
  }
  return made;
}

// A tenth of the nodes is down; `in_flight` attempts are held at any time, the oldest ending at each pick.
void pick(benchmark::State& state, std::string_view strategy, Weights weights, std::size_t in_flight) {
  auto pool = nodes(static_cast<std::size_t>(state.range(0)), weights);
  for (std::size_t i = 9; i < pool.size(); i += 10) pool[i]->set_health(Health::down);
  Balancer balancer(pool, strategy, Rng(1));
  Rng keys(2);
  std::vector<Lease> leases(in_flight);
  std::size_t oldest = 0;
  for (auto _ : state) {
    const auto node = balancer.pick({.hash = keys()});
    benchmark::DoNotOptimize(node);
    if (in_flight == 0) continue;
    leases[oldest] = Lease(*balancer.node(*node));
    oldest = oldest + 1 == in_flight ? 0 : oldest + 1;
  }
}

void pick_of_stale_index(benchmark::State& state, std::string_view strategy) {
  auto pool = nodes(static_cast<std::size_t>(state.range(0)), Weights::equal);
  Balancer balancer(pool, strategy, Rng(1));
  for (std::size_t i = 0; i < pool.size(); i += 2) pool[i]->set_health(Health::down);
  Rng keys(2);
  for (auto _ : state) benchmark::DoNotOptimize(balancer.pick({.hash = keys()}));
}

void construct(benchmark::State& state, std::string_view strategy) {
  const auto pool = nodes(static_cast<std::size_t>(state.range(0)), Weights::mixed);
  for (auto _ : state) {
    Balancer balancer(pool, strategy, Rng(1));
    benchmark::DoNotOptimize(balancer.pick());
  }
}

void refresh(benchmark::State& state, std::string_view strategy) {
  auto pool = nodes(static_cast<std::size_t>(state.range(0)), Weights::mixed);
  Balancer balancer(pool, strategy, Rng(1));
  bool up = true;
  for (auto _ : state) {
    up = !up;
    pool[0]->set_health(up ? Health::up : Health::down);
    balancer.refresh();
  }
}

void hash_key(benchmark::State& state) {
  const std::string key(static_cast<std::size_t>(state.range(0)), 'k');
  for (auto _ : state) benchmark::DoNotOptimize(hash(key));
}
BENCHMARK(hash_key)->Arg(16)->Arg(64)->Arg(1024);

const int registered = [] {
  for (const std::string_view strategy : strategy_names()) {
    const std::string name(strategy);
    const auto add = [&](const std::string& title, auto run) {
      return benchmark::RegisterBenchmark((title + "/" + name).c_str(), run);
    };
    const auto sizes = [](benchmark::internal::Benchmark* made) {
      made->Arg(3)->Arg(100)->Arg(512)->Arg(1000)->Arg(10000);
    };
    add("pick_idle", [=](benchmark::State& s) { pick(s, strategy, Weights::equal, 0); })->Apply(sizes);
    add("pick_idle_mixed", [=](benchmark::State& s) { pick(s, strategy, Weights::mixed, 0); })->Apply(sizes);
    add("pick_loaded", [=](benchmark::State& s) { pick(s, strategy, Weights::equal, 1000); })->Apply(sizes);
    add("pick_half_just_down", [=](benchmark::State& s) { pick_of_stale_index(s, strategy); })->Apply(sizes);
    add("construct", [=](benchmark::State& s) { construct(s, strategy); })
        ->Apply(sizes)
        ->Unit(benchmark::kMicrosecond);
    add("refresh", [=](benchmark::State& s) { refresh(s, strategy); })
        ->Apply(sizes)
        ->Unit(benchmark::kMicrosecond);
  }
  return 0;
}();

}  // namespace
}  // namespace weir::balancer
