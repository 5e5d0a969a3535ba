// Another process of the binary takes this one's place while both take clients. It is started by the
// executor, and given what it asks for; only when it says that it is ready does the host leave, and whatever
// goes wrong before ends the other process and nothing else. One upgrade at a time. Owned by the supervisor;
// control thread only.
//
//   state    | what is waited for                         | then
//   ---------+--------------------------------------------+-------------------------------------------------
//   resting  | begin()                                    | settling
//   settling | the host: its configuration stands still   | starting
//   starting | the executor                               | talking, or resting if it cannot be started
//   talking  | the other process: ready                   | over
//            | the other process ends, refuses, is late   | ending
//   ending   | its end; by force after kEnding            | resting
//   over     |                                            |
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/executor.h"
#include "proxy/base/result.h"
#include "proxy/epoll/descriptor_watch.h"
#include "proxy/epoll/epoll_runtime.h"
#include "proxy/epoll/messages.h"
#include "proxy/server/child_process.h"
#include "proxy/server/handover.h"
#include "proxy/server/program.h"

namespace weir::server {

// All that goes over. The descriptors stay open for as long as the upgrade lasts.
struct Estate {
  Handover handover;         // but for what is known of the nodes: `snapshot` and `latencies` tell
  std::vector<int> sockets;  // of all its groups, one after the other
  std::shared_ptr<const core::Snapshot> snapshot;
  admin::Latencies latencies;
};

class UpgradeHost {
 public:
  // From now on the configuration stands still; `then` is called as soon as it does.
  virtual void hold_still(std::function<void()> then) = 0;
  // Why there should be no upgrade just now; asked when it stands still. Empty: there may be one.
  virtual std::string objection() const = 0;
  virtual Estate estate() const = 0;
  // The other process takes clients, and is in charge when this returns.
  virtual void on_replaced(pid_t by) = 0;
  virtual void on_upgrade_failed() = 0;  // all is as before

 protected:
  ~UpgradeHost() = default;
};

class Upgrade final : io::TimerHandler {
 public:
  using Done = std::function<void(const base::Result<void, std::string>&)>;
  // So long the other process has until it is ready, unless WEIR_UPGRADE_TIMEOUT says otherwise (in seconds).
  static constexpr base::Duration kPatience = std::chrono::seconds(30);
  // And to end, when it has failed.
  static constexpr base::Duration kEnding = std::chrono::seconds(5);

  // The executor outlives it.
  Upgrade(epoll::EpollRuntime& runtime, base::Executor& executor, Program program, UpgradeHost& host);
  Upgrade(const Upgrade&) = delete;
  Upgrade& operator=(const Upgrade&) = delete;

  // `done` is called once, with the reason if it failed, unless this process ends before.
  void begin(Done done);
  bool under_way() const { return state_ != State::resting && state_ != State::over; }
  void stop();  // this process ends: so does the other one, if it is not in charge yet

 private:
  enum class State : std::uint8_t { resting, settling, starting, talking, ending, over };
  using Document = base::Result<epoll::Descriptor, std::string>;
  struct Started {
    epoll::Descriptor document, line;
    ChildProcess child;
  };

  void start();
  static Document write(const Handover& handover);
  void on_document(Document document);
  std::string start_child(epoll::Descriptor document);  // empty, or why not
  void on_line();
  void on_message(const epoll::Message& message);
  void on_child_over();
  void give_more();
  void on_ready();
  void fail(std::string reason);
  void rest(const std::string& reason);
  void on_timer() override;

  epoll::EpollRuntime& runtime_;
  base::Executor& executor_;
  const Program program_;
  UpgradeHost& host_;
  const base::Duration patience_;
  const std::shared_ptr<Upgrade*> self_;  // held weakly by what the executor brings back
  State state_ = State::resting;
  Done done_;
  std::string reason_;        // why it fails
  std::vector<int> to_give_;  // the document, then the sockets
  std::size_t given_ = 0;
  io::Timer timer_;  // the end of patience
  std::optional<Started> started_;
  std::unique_ptr<epoll::DescriptorWatch> line_watch_, child_watch_;  // end before what they watch
};

}  // namespace weir::server
