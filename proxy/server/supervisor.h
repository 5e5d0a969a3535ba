// The control thread's work: it owns the listening sockets, the workers, the snapshot in force and the names
// being resolved, and hears the signals. run() returns the process's exit code.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/core/discovery.h"
#include "proxy/core/snapshot.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/signals.h"
#include "proxy/server/worker.h"

namespace weir::server {

// SIGTERM and SIGINT must be blocked (Signals::block) before the process starts its first thread.
class Supervisor final : io::TimerHandler {
 public:
  Supervisor(config::Config config, std::string pid_file);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  int run();

 private:
  bool open_sockets();
  bool open_log();
  bool write_pid_file();
  void start_workers();
  void publish();
  void on_signal(int signal);
  void on_stopped();
  void on_drained();
  void close_sockets();
  void on_timer() override;

  const config::Config config_;
  const std::string pid_file_;
  bool pid_file_written_ = false;
  epoll::EpollRuntime runtime_;
  io::Timer timer_;
  core::NodeTable nodes_;
  core::Discovery discovery_;
  std::shared_ptr<const core::Snapshot> snapshot_;
  core::SharedCounts counts_;
  std::unique_ptr<base::LogWriter> log_;
  std::vector<std::vector<io::ListenSocket>> sockets_;  // by worker
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<epoll::Signals> signals_;
  std::size_t accepting_ = 0;
  std::size_t undrained_ = 0;
  bool draining_ = false;
};

}  // namespace weir::server
