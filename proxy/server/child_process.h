// A process that was started by this one, which has to end it or let it go: what is neither, ends with its
// holder. The child gets standard input, output and error, one descriptor more, and the signals as this
// process had them at its start. Any thread, one at a time; only the destructor may wait, a second at most.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/epoll/descriptor.h"
#include "proxy/server/program.h"

namespace weir::server {

class ChildProcess {
 public:
  // `passed` has the same number in the child. The error is in words: it cannot be started.
  static base::Result<ChildProcess, std::string> start(const Program& program,
                                                       const std::vector<std::string>& environment,
                                                       int passed);
  ChildProcess(ChildProcess&& other) noexcept
      : pid_(other.pid_),
        process_(std::move(other.process_)),
        state_(std::exchange(other.state_, State::let_go)) {}
  ChildProcess& operator=(ChildProcess&& other) = delete;
  ~ChildProcess();

  pid_t pid() const { return pid_; }
  int over() const { return process_.get(); }  // can be read once it has ended
  // How it ended, "it ended with status 1"; nothing while it runs. Asked until there is an answer.
  std::optional<std::string> ended();
  void end();                                // SIGTERM
  void kill();                               // SIGKILL
  void let_go() { state_ = State::let_go; }  // it lives on whatever becomes of this process

 private:
  ChildProcess(pid_t pid, epoll::Descriptor process) : pid_(pid), process_(std::move(process)) {}

  enum class State : std::uint8_t { held, let_go, over };

  pid_t pid_;
  epoll::Descriptor process_;
  State state_ = State::held;
};

}  // namespace weir::server
