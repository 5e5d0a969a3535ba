#include "proxy/server/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/counted.h"
#include "proxy/base/log.h"
#include "proxy/config/scalar.h"
#include "proxy/epoll/descriptors.h"
#include "proxy/observe/access_log_destination.h"
#include "proxy/server/seed.h"
#include "proxy/server/version.h"
#include "proxy/tls/ticket_keys.h"

namespace weir::server {
namespace {

constexpr std::string_view kUpgrading = "an upgrade is under way; ask again when it is over";
constexpr std::int64_t kCheckShare = 4;  // health checks at once may take this part of all descriptors

std::size_t worker_count(const config::Config& config) {
  return config.workers > 0 ? config.workers : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

Supervisor::Supervisor(Reloader::Begin begin, Program program, Inheritance inheritance)
    : config_(begin.version.config),
      pid_file_path_(begin.pid_file),
      timer_(runtime_.timers(), *this),
      inheritance_(std::move(inheritance)),
      guard_(runtime_, *this),
      reloader_(runtime_, background_, std::move(begin), *this),
      upgrade_(runtime_, background_, std::move(program), *this) {}

Supervisor::~Supervisor() {
  signals_.reset();
  overload_.reset();
  crew_.reset();
}

int Supervisor::run(std::function<void(const Places&)> ready) {
  ready_ = std::move(ready);
  std::signal(SIGPIPE, SIG_IGN);
  epoll::descriptors::raise_limit();
  started_ms_ = runtime_.wall_ms();
  tls::TicketKeys::of_process().begin_with(std::move(inheritance_.handover().tickets));
  if (!open_log() || !open_sockets()) return 1;
  signals_ = std::make_unique<epoll::Signals>(runtime_, kSignals, [this](int signal) { on_signal(signal); });
  // The file names the process before for as long as that one is in charge.
  if (!inheritance_.replaces_another() && !write_pid_file()) return 1;
  exporter_ = std::make_unique<core::TraceExporter>(runtime_, config_->tracing, fresh_seed());
  crew_ = std::make_unique<Crew>(runtime_, *log_, *exporter_);
  overload_ = std::make_unique<OverloadWatch>(runtime_, background_, *crew_);
  overload_->configure(config_->memory_limit);
  const auto checks = static_cast<std::size_t>(epoll::descriptors::limit() / kCheckShare);
  core::FleetOwner& owner = *this;
  fleet_ = std::make_unique<core::Fleet>(runtime_, background_, config_, owner, worker_count(*config_),
                                         fresh_seed(), checks, std::move(inheritance_.handover().legacy));
  orders_ = std::make_unique<Orders>(runtime_, *fleet_, reloader_);
  if (!open_admin()) return 1;
  fleet_->start();
  runtime_.run();
  return 0;
}

bool Supervisor::does_not_start(const std::string& why) const {
  base::log_error("{}; Weir does not start", why);
  inheritance_.refuse(why);
  return false;
}

bool Supervisor::open_log() {
  auto writer = observe::open_access_log(config_->access_log.path);
  if (!writer) return does_not_start(writer.error());
  log_ = std::move(*writer);
  return true;
}

bool Supervisor::open_sockets() {
  auto opened = Listeners::open(config_->listeners, worker_count(*config_), {}, &inheritance_.sockets());
  if (!opened) return does_not_start(opened.error());
  listeners_ = std::move(*opened);
  listeners_.use_terms();
  // The first clients wait in the sockets' queues, unless another process takes them meanwhile.
  if (inheritance_.replaces_another()) return true;
  const auto started = listeners_.start();
  return started || does_not_start(started.error());
}

bool Supervisor::open_admin() {
  auto opened = AdminSite::open(runtime_, *this, config_->admin, &inheritance_.sockets());
  if (!opened) return does_not_start(opened.error());
  admin_ = std::move(*opened);
  if (!inheritance_.replaces_another()) admin_->serve(scene());
  return true;
}

bool Supervisor::write_pid_file() {
  if (pid_file_path_.empty()) return true;
  auto written = PidFile::write(pid_file_path_);
  if (!written) return does_not_start(written.error());
  pid_file_ = std::move(*written);
  return true;
}

void Supervisor::on_fleet_ready() {
  phase_ = Phase::ready;
  guard_.trust(fleet_->snapshot());
  guard_.remember(std::move(inheritance_.handover().standing));
  if (!inheritance_.replaces_another()) reloader_.start();
  certificates_.watch(listeners_);
  fetch_staples();
  if (const auto started = listeners_.start(); !started) base::log_error("{}", started.error());
  crew_->work(fleet_->snapshot(), listeners_, worker_count(*config_), [this] { on_working(); });
  if (const auto left = inheritance_.handover().leaving; left > base::Duration::zero()) ask_to_leave(left);
  admin_->publish(scene());
  warn_of_few_descriptors();
  for (const Listening& listening : listeners_.all()) base::log_info("listening on {}", called(listening));
  base::log_info("ready: {}", status());
  ready_({listeners_.all().front().bound, admin_->address()});
}

std::string Supervisor::status() const {
  return fmt::format("{}, {}, {}", base::counted(worker_count(*config_), "worker"),
                     base::counted(config_->pools.size(), "pool"),
                     base::counted(config_->routes.size(), "route"));
}

// Every worker takes clients.
void Supervisor::on_working() {
  if (phase_ != Phase::ready) return;
  inheritance_.sockets().close_rest();
  if (!inheritance_.replaces_another()) return manager_.be_ready("ready: " + status());
  admin_->serve(scene());
  if (write_pid_file()) inheritance_.be_ready(runtime_, [this] { on_in_charge(); });
}

void Supervisor::on_in_charge() {
  if (phase_ != Phase::ready) return;
  listeners_.set_owner_of_files(SocketFile::Owner::this_process);
  admin_->set_owner_of_file(SocketFile::Owner::this_process);
  inheritance_.sockets().unlink_rest();
  manager_.be_ready("ready: " + status());
  reloader_.start();
  base::log_info("upgrade: this process, {}, is in charge", ::getpid());
}

// For whatever certificates the listeners serve with by now.
void Supervisor::fetch_staples() {
  std::vector<std::shared_ptr<const tls::Certificate>> all;
  for (const Listening& listening : listeners_.all())
    if (const auto settings = listening.reception->terms()->tls)
      all.insert(all.end(), settings->certificates().begin(), settings->certificates().end());
  staples_.want(all);
}

// A client in flight takes one, and one at its node.
void Supervisor::warn_of_few_descriptors() const {
  const std::int64_t limit = epoll::descriptors::limit();
  const auto wanted = static_cast<std::int64_t>(2 * config_->limits.connections);
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
        config_->limits.connections, wanted, limit);
}

base::Result<void, std::string> Supervisor::put_in_force(std::shared_ptr<const config::Config> config,
                                                         const std::string& author, Guarded guarded) {
  Next next;
  next.guarded = guarded;
  auto listeners =
      Listeners::open(config->listeners, worker_count(*config), listeners_, nullptr, admin_->address());
  if (!listeners) return base::unexpected(listeners.error());
  next.listeners = std::move(*listeners);
  if (config->access_log.path != config_->access_log.path) {
    auto log = observe::open_destination(config->access_log.path);
    if (!log) return base::unexpected(log.error());
    next.log = std::move(*log);
  }
  if (config->admin.address != config_->admin.address || lacks_admin(*config)) {
    auto admin = AdminSite::open(
        runtime_, *this, config->admin, nullptr,
        listens_at(config->admin.address) ? AdminSite::Sharing::with_own_sockets : AdminSite::Sharing::none);
    if (!admin) return base::unexpected(admin.error());
    next.admin = std::move(*admin);
  }
  next.config = std::move(config);
  fleet_->configure(next.config, author);
  next_ = std::move(next);
  return {};
}

// Or on an address that overlaps with it.
bool Supervisor::listens_at(const std::optional<io::Address>& address) const {
  if (!address) return false;
  return listeners_.overlap(*address) || (admin_->address() && overlap(*address, *admin_->address()));
}

// One that could not be had when it went without saying, and is named now.
bool Supervisor::lacks_admin(const config::Config& config) const {
  return config.admin.address && config.admin.source == config::Admin::Source::file && !admin_->address();
}

void Supervisor::on_snapshot() {
  if (next_ && fleet_->config() == next_->config) {
    return adopt(*std::exchange(next_, std::nullopt));
  }
  guard_.use(fleet_->snapshot());
  crew_->publish(fleet_->snapshot(),
                 [this, revision = fleet_->overrides_in_force()] { orders_->on_taken(revision); });
  admin_->publish(scene());
}

void Supervisor::adopt(Next next) {
  for (const Listening& before : listeners_.all())
    if (!next.listeners.has(*before.counts))
      base::log_info("no longer listening on {}; its clients finish what is in flight", called(before));
  const bool was_off = config_->access_log.path == "off";
  config_ = std::move(next.config);
  orders_->forget_gone_nodes();
  overload_->configure(config_->memory_limit);
  base::set_log(config_->log.level, config_->log.format);
  if (next.guarded == Guarded::yes)
    guard_.begin(fleet_->snapshot());
  else
    guard_.trust(fleet_->snapshot());
  exporter_->configure(config_->tracing);
  std::swap(listeners_, next.listeners);  // which has those from before now
  listeners_.use_terms();
  certificates_.watch(listeners_);
  fetch_staples();
  if (const auto started = listeners_.start(); !started) base::log_error("{}", started.error());
  for (const Listening& listening : listeners_.all())
    if (!next.listeners.has(*listening.counts)) base::log_info("listening on {}", called(listening));
  std::function<void()> once_taken = [] {};
  if (next.log) once_taken = adopt_log(std::move(*next.log), was_off);
  crew_->work(fleet_->snapshot(), listeners_, worker_count(*config_),
              [this, then = std::move(once_taken), revision = fleet_->overrides_in_force()] {
                then();
                reloader_.in_force();
                orders_->on_taken(revision);
              });
  adopt_admin(std::move(next.admin));
}

// A log that begins is there before its first line; one that ends, or goes elsewhere, gets all lines from
// before. What is to be done once all workers write as the new configuration says.
std::function<void()> Supervisor::adopt_log(base::LogWriter::Destination log, bool was_off) {
  const std::uint64_t turn = ++log_turn_;
  if (was_off) {
    log_->redirect(std::move(log));
    return [] {};
  }
  const auto kept = std::make_shared<base::LogWriter::Destination>(std::move(log));
  return [this, kept, turn] {
    if (turn == log_turn_) log_->redirect(std::move(*kept));  // else a later one has come before
  };
}

void Supervisor::adopt_admin(std::unique_ptr<AdminSite> admin) {
  if (!admin) return admin_->allow(config_->admin);
  admin->serve(scene());
  AdminSite& old = *old_admins_.emplace_back(std::exchange(admin_, std::move(admin)));
  old.leave(
      [this, &old] { std::erase_if(old_admins_, [&old](const auto& each) { return each.get() == &old; }); });
}

std::shared_ptr<const admin::Scene> Supervisor::scene() {
  auto scene = std::make_shared<admin::Scene>();
  scene->snapshot = fleet_->snapshot();
  for (const Listening& listening : listeners_.all())
    scene->listeners.push_back(
        {listening.config.name, listening.bound.text(), listening.counts, listening.reception});
  scene->version = kVersion;
  scene->reloads = reloader_.state();
  scene->workers = worker_count(*config_);
  scene->started_ms = started_ms_;
  scene->dropped_access_lines = [this] { return log_->dropped_lines(); };
  scene->dropped_own_lines = base::own_log_dropped_lines;
  scene->overload = [figures = overload_->figures()] { return figures->get(); };
  scene->forgiven_rate_keys = [counts = crew_->counts()] { return counts->rates.forgiven(); };
  if (config_->tracing) {
    scene->exported_spans = [this] { return exporter_->exported_spans(); };
    scene->dropped_spans = [this] { return exporter_->dropped_spans(); };
  }
  return scene;
}

void Supervisor::on_nodes_changed(std::shared_ptr<const core::NodeChanges> changes) {
  crew_->nodes_changed(changes);
  admin_->on_nodes_changed();
}

void Supervisor::on_reload_ended() {
  admin_->publish(scene());
  if (reloader_.waits() || inheritance_.replaces_another()) return;
  manager_.be_ready((reloader_.state().in_sync ? "ready: " : "the file is not in force, see the log; ") +
                    status());
}

void Supervisor::upgrade(std::function<void(const base::Result<void, std::string>&)> done) {
  if (phase_ == Phase::ready) return upgrade_.begin(std::move(done));
  const std::string why = phase_ == Phase::starting ? "Weir is starting" : "Weir is ending";
  base::log_error("upgrade: {}; all goes on as before", why);
  done(base::unexpected(why));
}

void Supervisor::hold_still(std::function<void()> then) {
  reloader_.hold([this, then] {
    const bool asked = admin_->read_latencies([this, then](admin::Latencies latencies) {
      latencies_ = std::move(latencies);
      then();
    });
    if (!asked) then();
  });
}

// Neither what the guard has seen so far goes over, nor what it has asked for.
std::string Supervisor::objection() const {
  if (reloader_.is_to_retreat()) return "the latest reload is about to be taken back";
  return guard_.watching() ? "the latest reload is still being guarded" : "";
}

Estate Supervisor::estate() const {
  Estate estate;
  estate.snapshot = fleet_->snapshot();
  estate.latencies = latencies_;
  Handover& handover = estate.handover;
  handover.text = {*reloader_.version().text, reloader_.rejected_hash()};
  handover.history = reloader_.past();
  if (runtime_.now() < leave_until_) handover.leaving = leave_until_ - runtime_.now();
  handover.standing = guard_.standing();
  handover.tickets = tls::TicketKeys::of_process().known();
  handover.legacy.names = fleet_->names();
  handover.legacy.overrides = fleet_->overrides();
  handover.legacy.sticky_secret = fleet_->sticky_secret();
  for (const Listening& listening : listeners_.all()) {
    const std::size_t count = listening.is_one_socket() ? 1 : listening.sockets.size();
    handover.sockets.push_back({.use = SocketGroup::Use::listener,
                                .maker = listening.maker,
                                .wanted = listening.config.address,
                                .bound = listening.bound,
                                .count = count});
    for (std::size_t i = 0; i < count; ++i) estate.sockets.push_back(listening.sockets[i]->fd);
  }
  if (const auto& address = admin_->address()) {
    handover.sockets.push_back({.use = SocketGroup::Use::admin,
                                .maker = admin_->maker(),
                                .wanted = *config_->admin.address,
                                .bound = *address,
                                .count = 1});
    estate.sockets.push_back(admin_->socket().fd);
  }
  return estate;
}

// What it checks and looks up goes on for the requests that it has.
void Supervisor::on_replaced(pid_t by) {
  base::log_info("upgrade: process {} takes clients from now on; finishing what is in flight here", by);
  manager_.hand_over_to(by);
  listeners_.set_owner_of_files(SocketFile::Owner::another);
  admin_->set_owner_of_file(SocketFile::Owner::another);
  config::Admin none;
  none.address.reset();
  adopt_admin(std::move(*AdminSite::open(runtime_, *this, none)));
  leave(config_->shutdown_timeout);
}

void Supervisor::on_upgrade_failed() {
  latencies_.clear();
  if (pid_file_)
    if (const auto written = pid_file_->renew(); !written) base::log_error("{}", written.error());
  reloader_.go_on();
}

bool Supervisor::lacks(const config::Config& config) const {
  return lacks_admin(config);
}

void Supervisor::reload(std::string author, std::function<void(const admin::ReloadReport&)> done) {
  reloader_.reload(std::move(author), std::move(done));
}

void Supervisor::rollback(std::string author, std::function<void(const admin::ReloadReport&)> done) {
  reloader_.rollback(std::move(author), std::move(done));
}

void Supervisor::order(admin::NodeOrder order, std::function<void(const admin::OrderReport&)> done) {
  if (!upgrade_.under_way()) return orders_->take(order, std::move(done));
  admin::OrderReport report;  // what is handed over has been written down
  report.result = admin::OrderReport::Result::refused;
  report.error = kUpgrading;
  done(report);
}

std::vector<admin::HistoryEntry> Supervisor::history() const {
  return reloader_.history();
}

admin::ApiHost::Phase Supervisor::phase() const {
  return phase_ == Phase::ready && runtime_.now() < leave_until_ ? Phase::leaving : phase_;
}

base::Result<void, std::string> Supervisor::drain_self(base::Duration time) {
  if (upgrade_.under_way()) return base::unexpected(std::string(kUpgrading));
  ask_to_leave(time);
  return {};
}

void Supervisor::ask_to_leave(base::Duration time) {
  leave_until_ = base::deadline(runtime_.now(), time);
  crew_->ask_to_leave(time);
  base::log_info("for {} /ready says 503, and clients are asked to come back on other connections",
                 config::written(time));
}

void Supervisor::diff(std::function<void(const admin::ReloadReport&)> done) {
  reloader_.diff(std::move(done));
}

// Its writer says what came of it.
void Supervisor::reopen_log() {
  const std::string& path = config_->access_log.path;
  if (path != "off" && path != "stdout" && path != "stderr") return log_->reopen();
  base::log_info("SIGUSR1: the access log is {}, so there is no file to reopen; all goes on", path);
}

void Supervisor::on_signal(int signal) {
  if (signal == SIGUSR1) return reopen_log();
  if (signal == SIGHUP) {
    manager_.note_reload();
    return reloader_.reload(std::string(Reloader::kSignal));
  }
  if (signal == SIGUSR2) return upgrade([](const auto&) {});
  const char* name = signal == SIGTERM ? "SIGTERM" : "SIGINT";
  if (phase_ == Phase::draining) {
    base::log_warning("{} again: ending now", name);
    return runtime_.stop();
  }
  base::log_info("{}: no new connections; finishing what is in flight", name);
  manager_.note_stop();
  upgrade_.stop();
  next_.reset();
  const bool has_begun = phase_ == Phase::ready;
  fleet_->stop();
  leave(config_->shutdown_grace);
  if (!has_begun) runtime_.stop();
}

// Idle connections have `grace` for one more request.
void Supervisor::leave(base::Duration grace) {
  reloader_.stop();
  certificates_.stop();
  staples_.want({});
  guard_.stop();
  if (std::exchange(phase_, Phase::draining) != Phase::ready) return;
  crew_->drain(grace, [this] { on_drained(); });
  listeners_ = {};  // each socket closes with the worker that empties its queue
  timer_.set(base::deadline(runtime_.now(), config_->shutdown_timeout));
}

void Supervisor::on_guard_over() {
  reloader_.on_guard_over();
}

void Supervisor::on_guard_failed(const std::string& why) {
  reloader_.on_guard_failed(config_, why);
}

void Supervisor::on_drained() {
  base::log_info("drained: nothing is left in flight; ending");
  end();
}

// What the workers still have for the collector goes out first, in its bounded time.
void Supervisor::end() {
  timer_.cancel();
  crew_->end();
  exporter_->finish([this] { runtime_.stop(); });
}

void Supervisor::on_timer() {
  base::log_warning("shutdown_timeout is over; closing {} client connections and ending", crew_->clients());
  end();
}

}  // namespace weir::server
