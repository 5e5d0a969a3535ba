// Brings the configuration file into force, again and again: at a signal, when the file changes, or when
// somebody asks. One reload after the other; those that are asked for while one has not read the file yet are
// that one. The file is read by the executor; what a reload takes is the host's business, and whatever goes
// wrong leaves the configuration in force as it is. Owned by the supervisor; control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/reload_report.h"
#include "proxy/base/executor.h"
#include "proxy/base/result.h"
#include "proxy/config/diagnostic.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/file_watch.h"

namespace weir::server {

class ReloadHost {
 public:
  virtual const std::shared_ptr<const config::Config>& config_in_force() const = 0;
  // Opens what the configuration needs and begins to put it in force, which in_force() says later; or says
  // why it cannot be, and nothing has changed.
  virtual base::Result<void, std::string> put_in_force(std::shared_ptr<const config::Config> config) = 0;
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

  // Who wants it.
  enum class Author : std::uint8_t { file, signal, api };

  // The executor outlives it. `hash` is that of the text in force.
  Reloader(epoll::EpollRuntime& runtime, base::Executor& executor, std::string file, std::string hash,
           ReloadHost& host);
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // The file is watched, and what was asked for before begins.
  void start();
  void reload(Author author, Done done = nullptr);
  // What a reload would do.
  void diff(Done done);
  void in_force();  // and every worker uses it
  void stop();      // no reload begins from now on, and the one under way is refused

  // What /metrics and the API tell.
  admin::ReloadState state() const { return state_; }

 private:
  struct Wanted {
    Author author;
    Done done;
  };
  // What the executor found.
  struct Read {
    config::Loaded loaded;
    std::vector<config::Change> changes;
  };

  void begin();
  void read_file(std::function<void(Read read)> then);
  static Report report_of(Read& read);
  void on_read(Read read);
  void end(const Report& report);

  epoll::EpollRuntime& runtime_;
  base::Executor& executor_;
  const std::string file_;
  ReloadHost& host_;
  const std::shared_ptr<Reloader*> self_;  // held weakly by what the executor brings back
  std::unique_ptr<epoll::FileWatch> watch_;
  std::vector<Wanted> waiting_;  // for the next reload
  std::vector<Wanted> present_;  // whom the one under way is for; empty: none is
  Report report_;                // of the one under way
  std::string seen_hash_;        // of the text that was read last
  admin::ReloadState state_;
  enum class Phase : std::uint8_t { before, started, stopped } phase_ = Phase::before;
};

std::string_view word(Reloader::Author author);

}  // namespace weir::server
