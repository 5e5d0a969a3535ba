#include "proxy/server/child_process.h"

#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include <fmt/format.h>

#include "proxy/epoll/system_error.h"

namespace weir::server {
namespace {

constexpr int kPatienceMs = 1000;

// What posix_spawn is told.
class SpawnOrders {
 public:
  SpawnOrders(const Program& program, int passed) {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
    sigset_t ignored_here;
    sigemptyset(&ignored_here);
    sigaddset(&ignored_here, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes_, &program.blocked_signals);
    posix_spawnattr_setsigdefault(&attributes_, &ignored_here);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&actions_, passed, passed);  // it stays open
  }
  ~SpawnOrders() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnOrders(const SpawnOrders&) = delete;
  SpawnOrders& operator=(const SpawnOrders&) = delete;

  const posix_spawnattr_t* attributes() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

std::string in_words(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return fmt::format("it ended with status {}", info.si_status);
  const char* name = ::sigabbrev_np(info.si_status);
  return fmt::format("it was killed by SIG{}", name != nullptr ? name : "?");
}

}  // namespace

base::Result<ChildProcess, std::string> ChildProcess::start(const Program& program,
                                                            const std::vector<std::string>& environment,
                                                            int passed) {
  const SpawnOrders orders(program, passed);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.path.c_str(), orders.actions(), orders.attributes(),
                                  pointers(program.arguments).data(), pointers(environment).data());
  if (error != 0)
    return base::unexpected(fmt::format("cannot start {}: {}", program.path, epoll::in_words(error)));
  epoll::Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (process) return ChildProcess(pid, std::move(process));
  const int why = errno;
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  return base::unexpected(fmt::format("cannot watch a process: {}", epoll::in_words(why)));
}

std::optional<std::string> ChildProcess::ended() {
  siginfo_t info{};
  if (state_ == State::over || ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0)
    return std::nullopt;
  state_ = State::over;
  return in_words(info);
}

void ChildProcess::end() {
  if (state_ == State::held) ::kill(pid_, SIGTERM);
}

void ChildProcess::kill() {
  if (state_ == State::held) ::kill(pid_, SIGKILL);
}

ChildProcess::~ChildProcess() {
  if (state_ != State::held) return;
  end();
  pollfd item{process_.get(), POLLIN, 0};
  if (::poll(&item, 1, kPatienceMs) <= 0) kill();
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace weir::server
