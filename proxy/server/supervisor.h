// The control thread's work: it owns the listening sockets, the workers and the fleet of nodes, and hears the
// signals.
#pragma once

#include <csignal>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/core/trace_exporter.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/signals.h"
#include "proxy/server/admin_site.h"
#include "proxy/server/fleet.h"
#include "proxy/server/pid_file.h"
#include "proxy/server/worker.h"

namespace weir::server {

// What the process hears: SIGTERM and SIGINT end it, SIGUSR1 reopens the access log; the others, which other
// servers take for commands, only leave a line in the log. They must be blocked (Signals::block) before the
// process starts its first thread.
inline constexpr std::initializer_list<int> kSignals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

class Supervisor final : io::TimerHandler, FleetOwner, admin::ApiHost {
 public:
  // `config_hash` is of the text that the configuration was read from.
  Supervisor(config::Config config, std::string config_hash, std::string pid_file);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Where it can be reached, as bound.
  struct Places {
    io::Address first_listener;
    std::optional<io::Address> admin;
  };
  // The process's exit code. `ready` is called once all listeners take clients.
  int run(std::function<void(const Places&)> ready);

 private:
  bool open_sockets();
  bool open_log();
  void reopen_log();
  bool write_pid_file();
  void on_fleet_ready() override;
  void on_snapshot() override;
  void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) override;
  void warn_of_few_descriptors() const;
  std::vector<core::Entrance> entrances(std::size_t worker) const;
  io::Address bound_address(std::size_t listener) const;
  std::shared_ptr<const admin::Scene> scene();
  Phase phase() const override;
  void on_signal(int signal);
  void on_stopped();
  void on_drained();
  void end();
  void close_sockets();
  void on_timer() override;

  const config::Config config_;
  const std::string config_hash_;
  const std::string pid_file_path_;
  std::unique_ptr<PidFile> pid_file_;
  epoll::EpollRuntime runtime_{epoll::EpollRuntime::Last::taken};
  io::Timer timer_;  // the end of the drain
  std::unique_ptr<Fleet> fleet_;
  core::SharedCounts counts_;
  std::unique_ptr<base::LogWriter> log_;
  std::unique_ptr<core::TraceExporter> exporter_;                          // null: tracing is off
  std::vector<std::vector<io::ListenSocket>> sockets_;                     // by worker
  std::vector<std::shared_ptr<observe::ListenerCounts>> listener_counts_;  // parallel to the listeners
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<epoll::Signals> signals_;
  std::int64_t started_ms_ = 0;  // since 1970; the configuration was read then, too
  std::function<void(const Places&)> ready_;
  std::size_t accepting_ = 0;
  std::size_t undrained_ = 0;
  bool draining_ = false;
  AdminSite admin_{runtime_, *this};  // ends first
};

}  // namespace weir::server
