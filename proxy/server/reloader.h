// Changes the configuration, one change after the other: the file is read again (at a signal, when it
// changes, or when somebody asks), a node's line in it is edited, an earlier text is put back, or, when the
// one in force does badly within its guard's time, the last one that was confirmed comes back and the file is
// left alone. Those who ask for a reload while one has not read the file yet get that one. Files are the
// executor's work; what a change takes is the host's business, and whatever goes wrong leaves the
// configuration in force as it is. Owned by the supervisor; control thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/admin/operations.h"
#include "proxy/admin/reload_report.h"
#include "proxy/base/executor.h"
#include "proxy/base/result.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/file_watch.h"
#include "proxy/server/confirmed_text.h"
#include "proxy/server/file_work.h"
#include "proxy/server/history.h"

namespace weir::server {

class ReloadHost {
 public:
  enum class Guarded : std::uint8_t { no, yes };  // by the configuration's own reload.guard
  // Opens what the configuration needs and begins to put it in force, which in_force() says later; or says
  // why it cannot be, and nothing has changed. `author` is for the nodes' histories.
  virtual base::Result<void, std::string> put_in_force(std::shared_ptr<const config::Config> config,
                                                       const std::string& author, Guarded guarded) = 0;
  // Something that it names, and that is in force, could not be had then.
  virtual bool lacks(const config::Config& config) const = 0;
  virtual void on_reload_ended() = 0;  // state() says how

 protected:
  ~ReloadHost() = default;
};

class Reloader {
 public:
  using Report = admin::ReloadReport;
  using Done = std::function<void(const Report&)>;
  using Ordered = std::function<void(const admin::OrderReport&)>;

  static constexpr std::string_view kFileChanged = "the file changed";
  static constexpr std::string_view kSignal = "SIGHUP";

  // What Weir starts with. `rejected_hash` is of the file's text, if another one is in force instead of it.
  struct Begin {
    std::string file;
    History::Version version;
    std::string rejected_hash;
    std::string pid_file;
    std::vector<History::Past> past{};  // of the process before
  };

  // The executor outlives it.
  Reloader(epoll::EpollRuntime& runtime, base::Executor& executor, Begin begin, ReloadHost& host);
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // The file is watched, and what was asked for before begins.
  void start();
  void reload(std::string author, Done done = nullptr);
  // What a reload would do.
  void diff(Done done);
  // Edits the node's line in the file, and puts in force what the file says then.
  void edit(admin::NodeOrder order, Ordered done);
  // Puts the text back that was in force before; or, if the file says something else than is in force, that
  // which is.
  void rollback(std::string author, Done done);
  // What is asked for from now on waits; `still` is called once no reload is under way.
  void hold(std::function<void()> still);
  void go_on();
  void in_force();  // and every worker uses it
  // The guard of the configuration in force is over; or says why it is not to stay.
  void on_guard_over();
  void on_guard_failed(const std::shared_ptr<const config::Config>& judged, const std::string& why);
  void stop();  // no change begins from now on, and the one under way is refused

  const std::string& file() const { return file_; }
  bool is_to_retreat() const { return !waiting_.empty() && waiting_.front().kind == Kind::retreat; }
  const std::shared_ptr<const config::Config>& config() const { return history_.in_force().config; }
  const History::Version& version() const { return history_.in_force(); }
  const std::string& rejected_hash() const { return rejected_hash_; }
  bool waits() const { return !waiting_.empty(); }  // another change follows
  // What /metrics and the API tell.
  admin::ReloadState state() const { return state_; }
  std::vector<admin::HistoryEntry> history() const { return history_.entries(); }
  std::vector<History::Past> past() const { return history_.past(); }

 private:
  // read, edit, put_back: see above. retreat: to what was confirmed last.
  enum class Kind : std::uint8_t { read, edit, put_back, retreat };
  struct Task {
    Kind kind = Kind::read;
    std::string author{};
    Done done{};
    admin::NodeOrder order{};                        // edit
    Ordered ordered{};                               // edit
    std::string why{};                               // retreat
    std::shared_ptr<const config::Config> judged{};  // likewise
  };

  void want(Task task);
  void begin();
  void work(std::function<FileWork()> what);
  void on_worked(FileWork work);
  bool is_nobodys_business(const FileWork& work) const;
  void put_in_force(FileWork& work);
  void retreat();
  void end(Report::Result result);
  void tell(Report::Result result) const;
  void note(Report::Result result);
  void note_published();
  void forget_confirmed();
  void keep_confirmed(const History::Version& version, const std::string& rejected_hash);
  std::int64_t stood_since() const;
  static void answer(const Task& task, const Report& report);
  static Report report_of(FileWork& work);

  epoll::EpollRuntime& runtime_;
  base::Executor& executor_;
  const std::string file_;
  const ConfirmedText confirmed_;
  ReloadHost& host_;
  const std::shared_ptr<Reloader*> self_;  // held weakly by what the executor brings back
  std::unique_ptr<epoll::FileWatch> watch_;
  History history_;
  std::deque<Task> waiting_;
  std::vector<Task> present_;  // whom the change under way is for; several of Kind::read; empty: none is
  Report report_;              // of the one under way
  History::Version next_;      // likewise
  std::optional<std::string> before_;  // likewise: what the file said, if it was written
  std::string seen_hash_;              // of the text that was read last
  std::string rejected_hash_;          // of the text that was taken back; empty: none
  admin::ReloadState state_;
  std::function<void()> still_;  // while held
  bool held_ = false;
  bool end_is_owed_ = false;  // the host was told of an end while others waited
  enum class Phase : std::uint8_t { before, started, stopped } phase_ = Phase::before;
};

}  // namespace weir::server
