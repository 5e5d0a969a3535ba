#include "proxy/server/reloader.h"

#include <utility>

#include <fmt/format.h>

#include "proxy/base/counted.h"
#include "proxy/base/log.h"
#include "proxy/config/read.h"

namespace weir::server {
namespace {

using Result = admin::ReloadReport::Result;

constexpr std::size_t kMostInLog = 20;  // changes, or errors

// "CHANGE; CHANGE; and 5 more"
template <class Items, class ToText>
std::string listed(const Items& items, ToText to_text) {
  std::string text;
  for (std::size_t i = 0; i < items.size() && i < kMostInLog; ++i) {
    text += i == 0 ? "" : "; ";
    text += to_text(items[i]);
  }
  if (items.size() > kMostInLog) text += fmt::format("; and {} more", items.size() - kMostInLog);
  return text;
}

}  // namespace

std::string_view word(Reloader::Author author) {
  switch (author) {
    case Reloader::Author::file:
      return "the file changed";
    case Reloader::Author::signal:
      return "SIGHUP";
    case Reloader::Author::api:
      break;
  }
  return "asked by the API";
}

Reloader::Reloader(epoll::EpollRuntime& runtime, base::Executor& executor, std::string file, std::string hash,
                   ReloadHost& host)
    : runtime_(runtime),
      executor_(executor),
      file_(std::move(file)),
      host_(host),
      self_(std::make_shared<Reloader*>(this)),
      seen_hash_(hash) {
  state_.hash = std::move(hash);
  state_.loaded_ms = runtime.wall_ms();
}

// The file may have been saved between its reading and now.
void Reloader::start() {
  phase_ = Phase::started;
  watch_ = std::make_unique<epoll::FileWatch>(runtime_, file_, [this] { reload(Author::file); });
  if (!watch_->works())
    base::log_warning(
        "changes of {} are not noticed by themselves here; SIGHUP or weir reload makes them known", file_);
  reload(Author::file);
}

void Reloader::stop() {
  phase_ = Phase::stopped;
  watch_.reset();
  Report report;
  report.result = Result::refused;
  report.errors.emplace_back("Weir is ending");
  for (const auto* wanted : {&present_, &waiting_})
    for (const Wanted& each : *wanted)
      if (each.done) each.done(report);
  present_.clear();
  waiting_.clear();
}

void Reloader::reload(Author author, Done done) {
  waiting_.push_back({author, std::move(done)});
  if (phase_ == Phase::stopped) return stop();
  if (present_.empty()) begin();
}

void Reloader::begin() {
  if (phase_ != Phase::started || waiting_.empty()) return;
  present_ = std::exchange(waiting_, {});
  read_file([this](Read read) { on_read(std::move(read)); });
}

void Reloader::diff(Done done) {
  read_file([done = std::move(done)](Read read) { done(report_of(read)); });
}

void Reloader::read_file(std::function<void(Read read)> then) {
  executor_.run([file = file_, config = host_.config_in_force(), &runtime = runtime_,
                 weak = std::weak_ptr(self_), then = std::move(then)] {
    auto read = std::make_shared<Read>();
    read->loaded = config::read_file(file);
    if (read->loaded.config) read->changes = config::diff(*config, *read->loaded.config);
    runtime.post([weak, read, then] {
      if (!weak.expired()) then(std::move(*read));
    });
  });
}

Reloader::Report Reloader::report_of(Read& read) {
  Report report;
  report.hash = read.loaded.hash;
  for (const config::Diagnostic& diagnostic : read.loaded.diagnostics)
    (diagnostic.level == config::Diagnostic::Level::error ? report.errors : report.warnings)
        .push_back(diagnostic.text());
  report.changes = std::move(read.changes);
  return report;
}

void Reloader::on_read(Read read) {
  if (phase_ == Phase::stopped) return;
  // A file that was touched, and says what it said, is nobody's business.
  const bool told = present_.size() > 1 || present_.front().author != Author::file || present_.front().done;
  const bool new_text = std::exchange(seen_hash_, read.loaded.hash) != read.loaded.hash;
  if (!told && !new_text && state_.in_sync) {
    present_.clear();
    return begin();
  }
  report_ = report_of(read);
  for (const std::string& warning : report_.warnings) base::log_warning("{}", warning);
  if (!read.loaded.config) {
    report_.result = Result::invalid;
    return end(report_);
  }
  if (*read.loaded.config == *host_.config_in_force() && !host_.lacks(*read.loaded.config)) {
    report_.result = Result::unchanged;
    return end(report_);
  }
  const auto config = std::make_shared<const config::Config>(std::move(*read.loaded.config));
  const auto begun = host_.put_in_force(config);
  if (begun) return;
  report_.result = Result::refused;
  report_.errors.push_back(begun.error());
  end(report_);
}

void Reloader::in_force() {
  if (present_.empty()) return;  // Weir is ending
  report_.result = Result::published;
  end(report_);
}

void Reloader::end(const Report& report) {
  const std::string_view why = word(present_.front().author);
  switch (report.result) {
    case Result::published:
      base::log_info("{}: the configuration is reloaded: {}", why,
                     listed(report.changes, [](const config::Change& change) { return change.text(); }));
      break;
    case Result::unchanged:
      base::log_info("{}: {} says what is in force already", why, file_);
      break;
    case Result::invalid:
    case Result::refused:
      base::log_error("{}: {} is not put in force, all goes on as before: {}", why, file_,
                      listed(report.errors, [](std::string_view error) { return error; }));
      break;
  }
  ++state_.count[static_cast<std::size_t>(report.result)];
  state_.in_sync = report.result == Result::published || report.result == Result::unchanged;
  if (state_.in_sync) {
    state_.hash = report.hash;
    if (report.result == Result::published) state_.loaded_ms = runtime_.wall_ms();
  }
  auto present = std::exchange(present_, {});
  if (watch_) watch_->renew();
  host_.on_reload_ended();
  for (const Wanted& wanted : present)
    if (wanted.done) wanted.done(report);
  begin();
}

}  // namespace weir::server
