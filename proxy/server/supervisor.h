// The control thread's work: it owns the listening sockets, the workers and the fleet of nodes, hears the
// signals, and puts configurations in force. A reload opens first whatever the new configuration needs; only
// when all of that can be had, and the fleet has the snapshot, does anything change, and then all of it in
// one turn.
#pragma once

#include <csignal>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/background.h"
#include "proxy/config/config.h"
#include "proxy/core/fleet.h"
#include "proxy/core/reload_guard.h"
#include "proxy/core/staple_fetch.h"
#include "proxy/core/trace_exporter.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/signals.h"
#include "proxy/server/admin_site.h"
#include "proxy/server/certificate_watch.h"
#include "proxy/server/crew.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/listeners.h"
#include "proxy/server/orders.h"
#include "proxy/server/overload_watch.h"
#include "proxy/server/pid_file.h"
#include "proxy/server/reloader.h"
#include "proxy/server/service_manager.h"
#include "proxy/server/upgrade.h"

namespace weir::server {

// What the process hears: SIGTERM and SIGINT end it, SIGHUP reloads the configuration, SIGUSR1 reopens the
// access log, SIGUSR2 has another process of the binary take over. They must be blocked (Signals::block)
// before the process starts its first thread.
inline constexpr std::initializer_list<int> kSignals = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

class Supervisor final : io::TimerHandler,
                         core::FleetOwner,
                         core::ReloadGuardOwner,
                         admin::ApiHost,
                         ReloadHost,
                         UpgradeHost {
 public:
  // An upgrade starts `program`.
  Supervisor(Reloader::Begin begin, Program program, Inheritance inheritance);
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
  // What another configuration needs, opened already.
  struct Next {
    std::shared_ptr<const config::Config> config;
    Guarded guarded;
    Listeners listeners;
    std::optional<base::LogWriter::Destination> log;  // none: as before
    std::unique_ptr<AdminSite> admin;                 // null: as before
  };

  bool does_not_start(const std::string& why) const;
  bool open_sockets();
  bool open_log();
  bool open_admin();
  bool write_pid_file();
  void reopen_log();
  void on_fleet_ready() override;
  void on_snapshot() override;
  void on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) override;
  admin::ApiHost::Phase phase() const override;
  void reload(std::string author, std::function<void(const admin::ReloadReport&)> done) override;
  void diff(std::function<void(const admin::ReloadReport&)> done) override;
  void rollback(std::string author, std::function<void(const admin::ReloadReport&)> done) override;
  void order(admin::NodeOrder order, std::function<void(const admin::OrderReport&)> done) override;
  std::vector<admin::HistoryEntry> history() const override;
  base::Result<void, std::string> drain_self(base::Duration time) override;
  void ask_to_leave(base::Duration time);
  void upgrade(std::function<void(const base::Result<void, std::string>&)> done) override;
  base::Result<void, std::string> put_in_force(std::shared_ptr<const config::Config> config,
                                               const std::string& author, Guarded guarded) override;
  bool lacks(const config::Config& config) const override;
  bool listens_at(const std::optional<io::Address>& address) const;
  bool lacks_admin(const config::Config& config) const;
  void on_reload_ended() override;
  void hold_still(std::function<void()> then) override;
  std::string objection() const override;
  Estate estate() const override;
  void on_replaced(pid_t by) override;
  void on_upgrade_failed() override;
  void on_working();
  void on_in_charge();
  std::string status() const;
  void leave(base::Duration grace);
  void adopt(Next next);
  std::function<void()> adopt_log(base::LogWriter::Destination log, bool was_off);
  void adopt_admin(std::unique_ptr<AdminSite> admin);
  void warn_of_few_descriptors() const;
  void fetch_staples();
  std::shared_ptr<const admin::Scene> scene();
  void on_signal(int signal);
  void on_guard_over() override;
  void on_guard_failed(const std::string& why) override;
  void on_drained();
  void end();
  void on_timer() override;

  std::shared_ptr<const config::Config> config_;  // in force
  const std::string pid_file_path_;
  std::unique_ptr<PidFile> pid_file_;
  epoll::EpollRuntime runtime_{epoll::EpollRuntime::Last::taken};
  base::Background background_;  // outlives all snapshots
  io::Timer timer_;              // the end of the drain
  Inheritance inheritance_;
  core::ReloadGuard guard_;
  std::unique_ptr<core::Fleet> fleet_;
  std::unique_ptr<base::LogWriter> log_;
  std::unique_ptr<core::TraceExporter> exporter_;
  Listeners listeners_;
  core::StapleFetch staples_{runtime_};
  CertificateWatch certificates_{runtime_, background_, [this] { fetch_staples(); }};
  std::unique_ptr<Crew> crew_;
  std::unique_ptr<OverloadWatch> overload_;
  std::unique_ptr<epoll::Signals> signals_;
  Reloader reloader_;
  ServiceManager manager_{runtime_};
  Upgrade upgrade_;
  std::unique_ptr<Orders> orders_;
  base::Time leave_until_ = base::Time::min();  // clients are asked to
  admin::Latencies latencies_;                  // as of the upgrade that is under way
  std::uint64_t log_turn_ = 0;                  // of the access log's destinations
  std::optional<Next> next_;                    // while the fleet makes its snapshot
  std::int64_t started_ms_ = 0;                 // since 1970
  std::function<void(const Places&)> ready_;
  Phase phase_ = Phase::starting;
  std::vector<std::unique_ptr<AdminSite>> old_admins_;  // they answer what they were asked before they go
  std::unique_ptr<AdminSite> admin_;                    // ends first
};

}  // namespace weir::server
