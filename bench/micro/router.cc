// Finding one of 10,000 routes: hosts with paths, paths alone, wildcards, and all of it mixed.
#include "proxy/policy/router.h"

#include <benchmark/benchmark.h>

#include <random>

using weir::config::Route;
using weir::policy::Router;

namespace {

constexpr std::size_t kRoutes = 10'000;

struct Table {
  std::vector<Route> routes;
  std::vector<std::pair<std::string, std::string>> requests;  // host, path

  void add(std::string host, std::string path, std::string asked_host, std::string asked_path) {
    Route route;
    route.match = {std::move(host), std::move(path)};
    routes.push_back(std::move(route));
    requests.emplace_back(std::move(asked_host), std::move(asked_path));
  }
  void shuffle() {
    std::mt19937 random(1);
    std::shuffle(routes.begin(), routes.end(), random);
    std::shuffle(requests.begin(), requests.end(), random);
  }
};

std::string number(std::size_t i) {
  return std::to_string(i * 7919 % kRoutes);
}

Table hosts() {
  Table table;
  for (std::size_t i = 0; i < kRoutes; ++i) {
    const std::string host = "service-" + number(i / 4) + ".apps.example.com";
    const std::string path = "/v" + std::to_string(i % 4) + "/";
    table.add(host, path, host + ":8080", path + "users/42/items");
  }
  return table;
}

Table paths() {
  Table table;
  for (std::size_t i = 0; i < kRoutes; ++i) {
    const std::string path = "/api/v1/service-" + number(i) + "/";
    table.add("", path, "www.example.com", path + "users/42/items");
  }
  return table;
}

Table wildcards() {
  Table table;
  for (std::size_t i = 0; i < kRoutes; ++i) {
    const std::string host = "tenant-" + number(i) + ".example.com";
    table.add("*." + host, "", "www.shop." + host, "/users/42/items");
  }
  return table;
}

Table mixed() {
  Table table;
  const Table all[] = {hosts(), paths(), wildcards()};
  for (std::size_t i = 0; i < kRoutes; ++i) {
    table.routes.push_back(all[i % 3].routes[i]);
    table.requests.push_back(all[i % 3].requests[i]);
  }
  return table;
}

void run(benchmark::State& state, Table (*make)()) {
  Table table = make();
  table.shuffle();
  const Router router(table.routes);
  std::size_t next = 0;
  for (auto _ : state) {
    const auto& [host, path] = table.requests[next];
    benchmark::DoNotOptimize(router.route(host, path));
    if (++next == table.requests.size()) next = 0;
  }
}

BENCHMARK_CAPTURE(run, router_hosts, hosts);
BENCHMARK_CAPTURE(run, router_paths, paths);
BENCHMARK_CAPTURE(run, router_wildcards, wildcards);
BENCHMARK_CAPTURE(run, router_mixed, mixed);

}  // namespace
