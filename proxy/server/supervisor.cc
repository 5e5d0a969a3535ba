#include "proxy/server/supervisor.h"

#include <unistd.h>
#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "proxy/base/counted.h"
#include "proxy/base/log.h"
#include "proxy/epoll/descriptors.h"
#include "proxy/epoll/listen_socket.h"
#include "proxy/observe/access_log_destination.h"
#include "proxy/server/version.h"

namespace weir::server {
namespace {

constexpr std::int64_t kCheckShare = 4;  // health checks at once may take this part of all descriptors

std::size_t worker_count(const config::Config& config) {
  return config.workers > 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

std::uint64_t fresh_seed() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

// How the log calls a listener: by its address, and by its name if it was given one.
std::string called(const config::Listener& listener, const io::Address& address) {
  if (listener.name == listener.address.text()) return address.text();
  return fmt::format("{} ({})", address.text(), listener.name);
}

}  // namespace

Supervisor::Supervisor(config::Config config, std::string config_hash, std::string pid_file)
    : config_(std::move(config)),
      config_hash_(std::move(config_hash)),
      pid_file_path_(std::move(pid_file)),
      timer_(runtime_.timers(), *this) {}

Supervisor::~Supervisor() {
  signals_.reset();
  workers_.clear();
  close_sockets();
}

void Supervisor::close_sockets() {
  if (sockets_.empty()) return;
  for (const auto& sockets : sockets_)
    for (io::ListenSocket socket : sockets) epoll::close_listen_socket(socket);
  sockets_.clear();
  for (const config::Listener& listener : config_.listeners)
    if (listener.address.kind == io::Address::Kind::unix_path) ::unlink(listener.address.text_.c_str());
}

int Supervisor::run(std::function<void(const Places&)> ready) {
  ready_ = std::move(ready);
  std::signal(SIGPIPE, SIG_IGN);
  epoll::descriptors::raise_limit();
  started_ms_ = runtime_.wall_ms();
  if (!open_log() || !open_sockets()) return 1;
  signals_ = std::make_unique<epoll::Signals>(runtime_, kSignals, [this](int signal) { on_signal(signal); });
  if (!write_pid_file()) return 1;
  if (config_.tracing)
    exporter_ = std::make_unique<core::TraceExporter>(runtime_, *config_.tracing, fresh_seed());
  const auto checks = static_cast<std::size_t>(epoll::descriptors::limit() / kCheckShare);
  FleetOwner& owner = *this;
  fleet_ = std::make_unique<Fleet>(runtime_, config_, owner, sockets_.size(), fresh_seed(), checks);
  if (!admin_.open(config_.admin, scene())) return 1;
  fleet_->start();
  runtime_.run();
  return 0;
}

bool Supervisor::open_log() {
  if (config_.access_log.path == "off") return true;
  auto writer = observe::open_access_log(config_.access_log.path);
  if (!writer) {
    base::log_error("{}; Weir does not start", writer.error());
    return false;
  }
  log_ = std::move(*writer);
  return true;
}

bool Supervisor::open_sockets() {
  const std::size_t count = worker_count(config_);
  std::vector<std::vector<io::ListenSocket>> by_worker(count);
  for (const config::Listener& listener : config_.listeners) {
    auto sockets = epoll::open_listen_sockets(listener.address, count);
    if (!sockets) {
      base::log_error("cannot listen on {}: {}; Weir does not start", called(listener, listener.address),
                      sockets.error());
      return false;
    }
    for (std::size_t i = 0; i < count; ++i) by_worker[i].push_back((*sockets)[i]);
    listener_counts_.push_back(std::make_shared<observe::ListenerCounts>(count));
  }
  sockets_ = std::move(by_worker);
  return true;
}

void Supervisor::on_fleet_ready() {
  admin_.publish(scene());
  for (std::size_t i = 0; i < sockets_.size(); ++i)
    workers_.push_back(std::make_unique<Worker>(counts_, i, fresh_seed(), log_.get(), exporter_.get()));
  epoll::descriptors::measure();  // all that is open for good is open, and no worker opens anything yet
  warn_of_few_descriptors();
  for (std::size_t i = 0; i < sockets_.size(); ++i) workers_[i]->start(fleet_->snapshot(), entrances(i));
  for (std::size_t i = 0; i < config_.listeners.size(); ++i)
    base::log_info("listening on {}", called(config_.listeners[i], bound_address(i)));
  base::log_info("ready: {}, {}, {}", base::counted(workers_.size(), "worker"),
                 base::counted(config_.pools.size(), "pool"), base::counted(config_.routes.size(), "route"));
  ready_({bound_address(0), admin_.address()});
}

// A client in flight takes one, and one at its node.
void Supervisor::warn_of_few_descriptors() const {
  const std::int64_t limit = epoll::descriptors::limit();
  const auto wanted = static_cast<std::int64_t>(2 * config_.limits.connections);
  if (!epoll::descriptors::plenty())
    base::log_warning(
        "the limit of {} open files (ulimit -n) leaves none for clients: nobody is accepted until "
        "some are free; raise it",
        limit);
  else if (limit < wanted)
    base::log_warning(
        "limits.connections ({}) may take {} file descriptors, the limit is {} (ulimit -n): where they are "
        "short, "
        "clients wait to be accepted; raise it, or lower limits.connections",
        config_.limits.connections, wanted, limit);
}

std::vector<core::Entrance> Supervisor::entrances(std::size_t worker) const {
  std::vector<core::Entrance> entrances;
  entrances.reserve(config_.listeners.size());
  for (std::size_t i = 0; i < config_.listeners.size(); ++i)
    entrances.push_back({sockets_[worker][i], listener_counts_[i]->of(worker)});
  return entrances;
}

io::Address Supervisor::bound_address(std::size_t listener) const {
  io::Address address = config_.listeners[listener].address;
  if (address.kind != io::Address::Kind::unix_path) address.port = epoll::bound_port(sockets_[0][listener]);
  return address;
}

bool Supervisor::write_pid_file() {
  if (pid_file_path_.empty()) return true;
  auto written = PidFile::write(pid_file_path_);
  if (!written) {
    base::log_error("{}; Weir does not start", written.error());
    return false;
  }
  pid_file_ = std::move(*written);
  return true;
}

void Supervisor::on_snapshot() {
  for (const auto& worker : workers_) worker->publish(fleet_->snapshot());
  base::log_debug("published a new snapshot to {} workers", workers_.size());
  admin_.publish(scene());
}

std::shared_ptr<const admin::Scene> Supervisor::scene() {
  auto scene = std::make_shared<admin::Scene>();
  scene->snapshot = fleet_->snapshot();
  for (std::size_t i = 0; i < config_.listeners.size(); ++i)
    scene->listeners.push_back({config_.listeners[i].name, bound_address(i).text(), listener_counts_[i]});
  scene->version = kVersion;
  scene->config_hash = config_hash_;
  scene->workers = sockets_.size();
  scene->started_ms = scene->loaded_ms = started_ms_;
  scene->dropped_access_lines = [this] { return log_ ? log_->dropped_lines() : 0; };
  scene->dropped_own_lines = base::own_log_dropped_lines;
  if (exporter_) {
    scene->exported_spans = [this] { return exporter_->exported_spans(); };
    scene->dropped_spans = [this] { return exporter_->dropped_spans(); };
  }
  return scene;
}

admin::ApiHost::Phase Supervisor::phase() const {
  if (draining_) return Phase::draining;
  return workers_.empty() ? Phase::starting : Phase::ready;
}

void Supervisor::on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) {
  for (const auto& worker : workers_) worker->nodes_changed(changes);
  admin_.on_nodes_changed();
}

// Its writer says what came of it.
void Supervisor::reopen_log() {
  const std::string& path = config_.access_log.path;
  if (log_ && path != "stdout" && path != "stderr") return log_->reopen();
  base::log_info("SIGUSR1: the access log is {}, so there is no file to reopen; all goes on", path);
}

void Supervisor::on_signal(int signal) {
  if (signal == SIGUSR1) return reopen_log();
  if (signal != SIGTERM && signal != SIGINT)
    return base::log_warning("{}: means nothing to Weir yet; all goes on", ::strsignal(signal));
  const char* name = signal == SIGTERM ? "SIGTERM" : "SIGINT";
  if (draining_) {
    base::log_warning("{} again: ending now", name);
    return runtime_.stop();
  }
  draining_ = true;
  base::log_info("{}: no new connections; finishing what is in flight", name);
  fleet_->stop();
  if (workers_.empty()) return runtime_.stop();  // it has not begun
  accepting_ = undrained_ = workers_.size();
  for (const auto& worker : workers_)
    worker->drain(
        config_.shutdown_grace, [this] { runtime_.post([this] { on_stopped(); }); },
        [this] { runtime_.post([this] { on_drained(); }); });
  timer_.set(base::deadline(runtime_.now(), config_.shutdown_timeout));
}

void Supervisor::on_stopped() {
  if (--accepting_ == 0) close_sockets();
}

void Supervisor::on_drained() {
  if (--undrained_ > 0) return;
  base::log_info("drained: nothing is left in flight; ending");
  end();
}

// What the workers still have for the collector goes out first, in its bounded time.
void Supervisor::end() {
  timer_.cancel();
  workers_.clear();
  if (!exporter_) return runtime_.stop();
  exporter_->finish([this] { runtime_.stop(); });
}

void Supervisor::on_timer() {
  base::log_warning("shutdown_timeout is over; closing {} client connections and ending",
                    counts_.client_connections.load());
  end();
}

}  // namespace weir::server
