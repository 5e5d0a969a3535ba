#include "proxy/server/reloader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"

namespace weir::server {
namespace {

using Result = admin::ReloadReport::Result;
using Ordered = admin::OrderReport::Result;

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

std::string listed(const std::vector<std::string>& items) {
  return listed(items, [](std::string_view item) { return item; });
}

Result as_reload(Ordered result) {
  return result == Ordered::invalid || result == Ordered::not_found ? Result::invalid : Result::refused;
}

Ordered as_order(Result result) {
  switch (result) {
    case Result::published:
      return Ordered::done;
    case Result::unchanged:
      return Ordered::unchanged;
    case Result::invalid:
      return Ordered::invalid;
    case Result::refused:
    case Result::rolled_back:
      break;
  }
  return Ordered::refused;
}

}  // namespace

Reloader::Reloader(epoll::EpollRuntime& runtime, base::Executor& executor, Begin begin, ReloadHost& host)
    : runtime_(runtime),
      executor_(executor),
      file_(std::move(begin.file)),
      confirmed_(begin.pid_file),
      host_(host),
      self_(std::make_shared<Reloader*>(this)),
      history_(begin.version, runtime.wall_ms(), begin.past),
      seen_hash_(begin.rejected_hash.empty() ? begin.version.hash : begin.rejected_hash),
      rejected_hash_(begin.rejected_hash) {
  state_.hash = begin.version.hash;
  state_.loaded_ms = runtime.wall_ms();
  state_.in_sync = rejected_hash_.empty();
}

// The file may have been saved between its reading and now, or since another process read it. What is asked
// for is asked of what it says by then.
void Reloader::start() {
  phase_ = Phase::started;
  watch_ =
      std::make_unique<epoll::FileWatch>(runtime_, file(), [this] { reload(std::string(kFileChanged)); });
  if (!watch_->works())
    base::log_warning(
        "changes of {} are not noticed by themselves here; SIGHUP or weir reload makes them known", file());
  waiting_.push_front({.kind = Kind::read, .author = std::string(kFileChanged)});
  if (present_.empty()) begin();
}

void Reloader::stop() {
  phase_ = Phase::stopped;
  watch_.reset();
  Report report;
  report.result = Result::refused;
  report.errors.push_back(fmt::format(
      "Weir is ending; what was to be written into {} is in force after the next start, if it was", file()));
  // An end in good order is no sign that what was in doubt does badly.
  if (history_.in_doubt() && rejected_hash_.empty()) forget_confirmed();
  for (const Task& task : std::exchange(present_, {})) answer(task, report);
  for (const Task& task : std::exchange(waiting_, {})) answer(task, report);
}

void Reloader::reload(std::string author, Done done) {
  want({.kind = Kind::read, .author = std::move(author), .done = std::move(done)});
}

void Reloader::edit(admin::NodeOrder order, Ordered done) {
  std::string author = order.author;
  want({.kind = Kind::edit,
        .author = std::move(author),
        .order = std::move(order),
        .ordered = std::move(done)});
}

void Reloader::rollback(std::string author, Done done) {
  want({.kind = Kind::put_back, .author = std::move(author), .done = std::move(done)});
}

void Reloader::want(Task task) {
  waiting_.push_back(std::move(task));
  if (phase_ == Phase::stopped) return stop();
  if (present_.empty()) begin();
}

void Reloader::hold(std::function<void()> still) {
  held_ = true;
  still_ = std::move(still);
  if (present_.empty()) begin();
}

void Reloader::go_on() {
  held_ = false;
  still_ = nullptr;
  if (present_.empty()) begin();
}

void Reloader::begin() {
  if (held_) {
    if (const auto still = std::exchange(still_, nullptr)) still();
    return;
  }
  if (phase_ != Phase::started || waiting_.empty()) return;
  do {
    present_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  } while (present_.back().kind == Kind::read && !waiting_.empty() && waiting_.front().kind == Kind::read);
  report_ = {};
  next_ = {};
  before_.reset();
  const auto config = this->config();
  switch (present_.front().kind) {
    case Kind::read:
      return work([file = file(), config] { return read_file(file, *config); });
    case Kind::edit:
      if (!state_.in_sync) {
        report_.errors.push_back(fmt::format(
            "{} is not what is in force (weir diff tells the difference); mend it, or have weir rollback "
            "write what is in force, or make the change temporary",
            file()));
        return end(Result::refused);
      }
      return work([file = file(), config, order = present_.front().order] {
        return edit_file(file, *config, order);
      });
    case Kind::put_back: {
      const History::Version* to = state_.in_sync ? history_.before() : &history_.in_force();
      if (to != nullptr)
        return work([file = file(), config, text = to->text] { return put_back(file, *config, *text); });
      report_.errors.emplace_back("there is no configuration to go back to");
      return end(Result::refused);
    }
    case Kind::retreat:
      return retreat();
  }
}

void Reloader::diff(Done done) {
  executor_.run([file = file(), config = config(), &runtime = runtime_, weak = std::weak_ptr(self_),
                 done = std::move(done)] {
    auto found = std::make_shared<FileWork>(read_file(file, *config));
    runtime.post([weak, found, done] {
      if (!weak.expired()) done(report_of(*found));
    });
  });
}

void Reloader::work(std::function<FileWork()> what) {
  executor_.run([what = std::move(what), &runtime = runtime_, weak = std::weak_ptr(self_)] {
    auto found = std::make_shared<FileWork>(what());
    runtime.post([weak, found] {
      if (const auto reloader = weak.lock()) (*reloader)->on_worked(std::move(*found));
    });
  });
}

Reloader::Report Reloader::report_of(FileWork& work) {
  Report report;
  report.hash = work.loaded.hash;
  for (const config::Diagnostic& diagnostic : work.loaded.diagnostics)
    (diagnostic.level == config::Diagnostic::Level::error ? report.errors : report.warnings)
        .push_back(diagnostic.text());
  report.changes = std::move(work.changes);
  return report;
}

void Reloader::on_worked(FileWork work) {
  if (phase_ == Phase::stopped) return;
  const bool ignored = is_nobodys_business(work);
  if (!work.refusal) seen_hash_ = work.loaded.hash;  // else what it says has yet to be looked at
  if (ignored) {
    present_.clear();
    if (waiting_.empty() && std::exchange(end_is_owed_, false)) host_.on_reload_ended();
    return begin();
  }
  report_ = report_of(work);
  for (const std::string& warning : report_.warnings) base::log_warning("{}", warning);
  if (work.refusal) {
    report_.errors = {work.refusal->error};
    if (present_.front().ordered) {
      present_.front().ordered(*work.refusal);
      present_.front().ordered = nullptr;
    }
    return end(as_reload(work.refusal->result));
  }
  before_ = std::move(work.before);
  if (!work.loaded.config) return end(Result::invalid);
  if (*work.loaded.config == *config() && !host_.lacks(*work.loaded.config)) return end(Result::unchanged);
  put_in_force(work);
}

// A file that was touched, and says what it said; or says again what was taken back.
bool Reloader::is_nobodys_business(const FileWork& work) const {
  const bool told = std::any_of(present_.begin(), present_.end(), [](const Task& task) {
    return task.kind != Kind::read || task.author != kFileChanged || task.done;
  });
  if (told) return false;
  const bool same = work.loaded.hash == seen_hash_;
  return same && (state_.in_sync || (!rejected_hash_.empty() && work.loaded.hash == rejected_hash_));
}

void Reloader::put_in_force(FileWork& work) {
  next_ = {std::make_shared<const config::Config>(std::move(*work.loaded.config)),
           std::make_shared<const std::string>(std::move(work.loaded.text)), work.loaded.hash};
  const Task& task = present_.front();
  const bool guarded = task.kind != Kind::put_back && next_.config->reload.guard > base::Duration::zero();
  const auto begun = host_.put_in_force(next_.config, task.author,
                                        guarded ? ReloadHost::Guarded::yes : ReloadHost::Guarded::no);
  if (begun) return;
  report_.errors.push_back(begun.error());
  if (before_)
    executor_.run([file = file(), before = *before_, hash = next_.hash] { undo(file, before, hash); },
                  base::Executor::AtEnd::done);
  end(Result::refused);
}

// Unless somebody was faster, and mended it.
void Reloader::retreat() {
  if (present_.front().judged != config()) {
    present_.clear();
    return begin();
  }
  const History::Version* to = history_.confirmed(stood_since());
  report_.hash = history_.in_force().hash;
  if (to == nullptr || *to->config == *config()) {
    history_.confirm();
    return end(Result::unchanged);
  }
  next_ = *to;
  report_.hash = next_.hash;
  report_.changes = config::diff(*config(), *next_.config);
  const auto begun = host_.put_in_force(next_.config, "the guard", ReloadHost::Guarded::no);
  if (begun) return;
  report_.errors.push_back(begun.error());
  end(Result::refused);
}

// What came into force before has stood the guard's time, though another one came before that was over.
std::int64_t Reloader::stood_since() const {
  return runtime_.wall_ms() -
         std::chrono::duration_cast<std::chrono::milliseconds>(config()->reload.guard).count();
}

void Reloader::in_force() {
  if (present_.empty()) return;  // Weir is ending
  end(present_.front().kind == Kind::retreat ? Result::rolled_back : Result::published);
}

void Reloader::on_guard_over() {
  history_.confirm();
  if (rejected_hash_.empty()) forget_confirmed();
  base::log_info("the configuration is confirmed: its guard of {} is over",
                 config::written(config()->reload.guard));
}

void Reloader::on_guard_failed(const std::shared_ptr<const config::Config>& judged, const std::string& why) {
  waiting_.push_front({.kind = Kind::retreat, .author = "the guard", .why = why, .judged = judged});
  if (phase_ == Phase::stopped) return stop();
  if (present_.empty()) begin();
}

void Reloader::end(Result result) {
  report_.result = result;
  tell(result);
  note(result);
  auto present = std::exchange(present_, {});
  if (watch_) watch_->renew();
  end_is_owed_ = !waiting_.empty();
  host_.on_reload_ended();
  const Report report = std::move(report_);
  for (const Task& task : present) answer(task, report);
  if (present_.empty()) begin();
}

void Reloader::tell(Result result) const {
  const Task& task = present_.front();
  if (task.kind == Kind::edit && result != Result::published) return;  // its line is the audit's
  const auto changes = [this] {
    return listed(report_.changes, [](const config::Change& change) { return change.text(); });
  };
  switch (result) {
    case Result::published:
      return base::log_info("{}: the configuration is reloaded: {}", task.author, changes());
    case Result::unchanged:
      if (task.kind == Kind::retreat)
        return base::log_error("the guard: {}; but there is nothing else to go back to, so it stays",
                               task.why);
      if (task.kind == Kind::put_back && before_)
        return base::log_info("{}: {} says again what is in force; what it said is kept as {}.rejected",
                              task.author, file(), file());
      return base::log_info("{}: {} says what is in force already", task.author, file());
    case Result::rolled_back:
      return base::log_error(
          "the guard: {}; what was confirmed last is in force again: {}; {} is left alone: mend it, or have "
          "weir "
          "rollback write what is in force",
          task.why, changes(), file());
    case Result::invalid:
    case Result::refused:
      if (task.kind == Kind::retreat)
        return base::log_error("the guard: {}; but what was confirmed last cannot be put in force: {}",
                               task.why, listed(report_.errors));
      return base::log_error("{}: {} is not put in force, all goes on as before: {}", task.author, file(),
                             listed(report_.errors));
  }
}

void Reloader::note(Result result) {
  const Kind kind = present_.front().kind;
  if (kind != Kind::edit || result == Result::published) ++state_.count[static_cast<std::size_t>(result)];
  if (result == Result::published || result == Result::rolled_back) note_published();
  // An edit, or a text put back, that is refused leaves the file as it was.
  if (kind == Kind::read || result == Result::published || result == Result::unchanged)
    state_.in_sync = result == Result::published || result == Result::unchanged;
  if (kind == Kind::retreat) state_.in_sync = seen_hash_ == history_.in_force().hash;
  if (state_.in_sync && !rejected_hash_.empty()) {
    rejected_hash_.clear();
    if (!history_.in_doubt()) forget_confirmed();
  }
  if (state_.in_sync) state_.hash = report_.hash;
}

void Reloader::note_published() {
  const Task& task = present_.front();
  const bool trusted = task.kind == Kind::put_back || task.kind == Kind::retreat ||
                       next_.config->reload.guard == base::Duration::zero();
  if (task.kind == Kind::put_back) history_.reject(task.author);
  if (task.kind == Kind::retreat) {
    rejected_hash_ = history_.in_force().hash;
    history_.reject(task.why);
  }
  state_.hash = next_.hash;
  state_.loaded_ms = runtime_.wall_ms();
  history_.add(std::move(next_), task.author, report_.changes, state_.loaded_ms,
               trusted ? History::Trust::confirmed : History::Trust::in_doubt);
  if (task.kind == Kind::retreat) return keep_confirmed(history_.in_force(), rejected_hash_);
  // Until it is confirmed, a Weir that crashes does not come back with it.
  if (const auto* confirmed = trusted ? nullptr : history_.confirmed(stood_since()))
    keep_confirmed(*confirmed, history_.in_force().hash);
}

void Reloader::keep_confirmed(const History::Version& version, const std::string& rejected_hash) {
  executor_.run(
      [confirmed = confirmed_, text = version.text, rejected_hash] { confirmed.keep(*text, rejected_hash); },
      base::Executor::AtEnd::done);
}

void Reloader::forget_confirmed() {
  executor_.run([confirmed = confirmed_] { confirmed.forget(); }, base::Executor::AtEnd::done);
}

void Reloader::answer(const Task& task, const Report& report) {
  if (task.done) task.done(report);
  if (!task.ordered) return;
  admin::OrderReport told;
  told.result = as_order(report.result);
  if (!report.errors.empty()) told.error = report.errors.front();
  told.changes = report.changes;
  task.ordered(told);
}

}  // namespace weir::server
