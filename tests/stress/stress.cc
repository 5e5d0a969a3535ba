// Weir's crew of workers, its fleet and its metrics on threads of their own, among clients and nodes on
// theirs: `weir-stress SECONDS`. The configuration is another every few milliseconds, workers join and
// retire, nodes fall ill and recover, metrics are scraped without a pause, and every second or so all workers
// drain and begin anew. What it is for is the thread sanitizer's verdict; besides, no answer goes to another
// request, and after each drain nothing is left.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/admin/metrics.h"
#include "proxy/base/background.h"
#include "proxy/base/file_sink.h"
#include "proxy/base/log.h"
#include "proxy/core/fleet.h"
#include "proxy/server/crew.h"
#include "tests/stress/client.h"
#include "tests/stress/origin.h"

namespace weir::stress {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostWorkers = 4, kOrigins = 4;
constexpr unsigned kClients = 12;

void must(bool good, const std::string& what) {
  if (good) return;
  std::fprintf(stderr, "found: %s\n", what.c_str());
  std::_Exit(1);
}

struct DroppedSpans final : observe::SpanSink {
  void take(observe::SpanBatch batch) override { taken += batch.spans.size(); }
  void on_dropped(std::uint64_t) override {}
  std::atomic<std::uint64_t> taken{0};
};

// The control thread's loop, with whatever is asked of it done there.
class Control {
 public:
  Control() : thread_([this] { runtime.run(); }) {}
  ~Control() {
    runtime.stop();
    thread_.join();
  }
  void ask(const std::function<void()>& what) {
    std::promise<void> done;
    runtime.post([&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }
  epoll::EpollRuntime runtime;

 private:
  std::thread thread_;
};

config::Config draw_config(const std::vector<std::unique_ptr<Origin>>& origins, std::uint64_t draw) {
  constexpr const char* kStrategies[] = {"round-robin", "least-connections", "consistent-hash"};
  config::Config config;
  config.timeouts.idle = 1s;
  config.tracing.emplace().one_in = 10;
  config::Pool& pool = config.pools.emplace_back();
  pool.name = "app";
  pool.strategy = kStrategies[draw % 16 == 0 ? 2 : draw % 2];
  pool.keepalive.max_idle = draw % 5 == 0 ? 0 : 8;
  if (draw % 3 != 0) config.limits.connections = kClients / 2;  // the others wait
  for (std::size_t i = 0; i < origins.size(); ++i)
    if (i == draw % origins.size() || (draw >> (8 + i)) % 4 != 0)
      pool.nodes.push_back(
          {*io::Address::parse(origins[i]->address()), 1 + static_cast<std::uint32_t>(draw >> 20) % 3});
  config::Health& health = pool.health.emplace();
  health.http.emplace().target = "/healthz";
  health.interval = 20ms;
  health.fast_interval = 10ms;
  health.timeout = 1s;
  health.fall = 2;
  health.rise = 1;
  config::Route& route = config.routes.emplace_back();
  route.name = "default";
  route.pool = "app";
  return config;
}

// From the opening of the sockets to the last connection's end. Made, used and ended on the main thread.
class Life final : core::FleetOwner {
 public:
  Life(const std::vector<std::unique_ptr<Origin>>& origins, std::uint16_t port, std::uint64_t seed)
      : origins_(origins), rng_(seed) {
    listener_.address = *io::Address::parse("127.0.0.1:0");
    listener_.address.port = port;
    std::promise<void> ready;
    ready_ = &ready;
    control_.ask([&] {
      listen(kMostWorkers);
      bound_ = listeners_.all().front().bound.port;
      crew_ = std::make_unique<server::Crew>(control_.runtime, log_, spans_);
      core::FleetOwner& owner = *this;
      fleet_ = std::make_unique<core::Fleet>(control_.runtime, *background_, draw(), owner, kMostWorkers,
                                             rng_(), 100);
      fleet_->start();
    });
    must(ready.get_future().wait_for(60s) == std::future_status::ready, "the fleet is not ready");
  }

  std::uint16_t port() const { return bound_; }

  void swap() {
    control_.ask([&] { fleet_->configure(draw(), "swap"); });
  }

  void scrape() {
    admin::Scene scene;
    control_.ask([&] {
      scene.snapshot = fleet_->snapshot();
      scene.listeners.push_back({"web", "127.0.0.1:80", listeners_.all().front().counts});
    });
    scene.workers = kMostWorkers;
    scene.dropped_access_lines = [this] { return log_.dropped_lines(); };
    scene.dropped_own_lines = base::own_log_dropped_lines;
    scene.forgiven_rate_keys = [counts = crew_->counts()] { return counts->rates.forgiven(); };
    must(admin::metrics_text(scene).find("weir_") != std::string::npos, "no metrics");
  }

  void end() {
    std::promise<void> drained;
    std::shared_ptr<observe::ListenerCounts> counts;
    control_.ask([&] {
      counts = listeners_.all().front().counts;
      fleet_->stop();
      crew_->drain(10ms, [&] { drained.set_value(); });
      listeners_ = {};
    });
    must(drained.get_future().wait_for(60s) == std::future_status::ready,
         "the workers do not come to an end");
    control_.ask([&] {
      must(crew_->clients() == 0, "clients are counted when all have gone");
      crew_.reset();
      fleet_.reset();
    });
    background_.reset();
    must(observe::open_connections(*counts) == 0, "connections are counted when all have gone");
    for (const auto& snapshot : snapshots_) must(snapshot.expired(), "a snapshot is held by somebody");
    for (const auto& weak : endpoints_)
      if (const auto endpoint = weak.lock())
        must(endpoint->node->in_flight() == 0 && observe::open_connections(endpoint->counts) == 0,
             "work at a node when all is done");
  }

 private:
  // All of these on the control thread.
  std::shared_ptr<const config::Config> draw() {
    return std::make_shared<const config::Config>(draw_config(origins_, rng_()));
  }
  void listen(std::size_t workers) {
    auto opened = server::Listeners::open({listener_}, workers, listeners_);
    must(opened.has_value(), "no socket");
    listeners_ = std::move(*opened);
    must(listeners_.start().has_value(), "a socket that does not listen");
  }
  void on_fleet_ready() override {
    on_snapshot();
    ready_->set_value();
  }
  void on_snapshot() override {
    const std::size_t workers = 1 + rng_() % kMostWorkers;
    listen(workers);
    crew_->work(fleet_->snapshot(), listeners_, rng_() % 8 == 0 ? workers : kMostWorkers);
    snapshots_.push_back(fleet_->snapshot());
    for (const auto& endpoint : fleet_->snapshot()->pools[0].endpoints) endpoints_.push_back(endpoint);
  }
  void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) override {
    crew_->nodes_changed(changes);
  }

  const std::vector<std::unique_ptr<Origin>>& origins_;
  balancer::Rng rng_;
  config::Listener listener_;
  std::uint16_t bound_ = 0;
  base::LogWriter log_{*base::FileSink::open("/dev/null"),
                       {[](auto&, const auto&) { return true; }, [](const auto&) {}}};
  DroppedSpans spans_;
  std::promise<void>* ready_ = nullptr;
  server::Listeners listeners_;
  std::vector<std::weak_ptr<const core::Snapshot>> snapshots_;
  std::vector<std::weak_ptr<core::Endpoint>> endpoints_;
  std::unique_ptr<server::Crew> crew_;
  std::unique_ptr<core::Fleet> fleet_;
  Control control_;  // ends after the background, which posts to it
  std::unique_ptr<base::Background> background_ = std::make_unique<base::Background>();
};

void live(Life& life, const std::vector<std::unique_ptr<Origin>>& origins, Clock::time_point until) {
  std::atomic<bool> over{false};
  std::thread scraper([&] {
    while (!over) life.scrape();
  });
  for (unsigned turn = 0; Clock::now() < until; ++turn) {
    life.swap();
    origins[turn % kOrigins]->be_ill(turn / kOrigins % 8 == 0);
    std::this_thread::sleep_for(5ms);
  }
  over = true;
  scraper.join();
}

int stress(std::chrono::seconds span) {
  std::signal(SIGPIPE, SIG_IGN);
  base::detail::least_logged = static_cast<base::LogLevel>(255);
  std::vector<std::unique_ptr<Origin>> origins;
  for (std::size_t i = 0; i < kOrigins; ++i) origins.push_back(std::make_unique<Origin>());
  std::vector<std::unique_ptr<Client>> clients;
  const auto end = Clock::now() + span;
  std::uint16_t port = 0;
  int lives = 0;
  do {
    Life life(origins, port, static_cast<std::uint64_t>(++lives));
    port = life.port();
    for (unsigned i = 0; clients.size() < kClients; ++i) clients.push_back(std::make_unique<Client>(port, i));
    live(life, origins, std::min(end, Clock::now() + 1500ms));
    life.end();
  } while (Clock::now() < end);
  std::uint64_t answered = 0, refused = 0;
  for (const auto& client : clients) {
    client->end();
    must(client->wrong().empty(), client->wrong());
    answered += client->answered();
    refused += client->refused();
  }
  std::printf("%d lives, %llu requests answered by nodes, %llu by Weir\n", lives,
              static_cast<unsigned long long>(answered), static_cast<unsigned long long>(refused));
  must(answered > 0, "nobody was answered");
  return 0;
}

}  // namespace
}  // namespace weir::stress

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 30;
  if (argc > 2 || seconds < 1) {
    std::fputs("weir-stress: takes a number of seconds, or nothing (30)\n", stderr);
    return 2;
  }
  return weir::stress::stress(std::chrono::seconds(seconds));
}
