// Looks whether the files that listeners' TLS is made of have changed (certificates, the authorities of
// clients, keys of tickets), and has the listeners serve with what they say now. New connections get what is
// new, those that stand are left alone; a file that is no good leaves what it said before in service, and the
// log says so. What changes is read once it has stood still for a look, so that a certificate and its key may
// come one after the other. Owned by the supervisor; control thread only, but for the files, which are the
// executor's.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/executor.h"
#include "proxy/io/runtime.h"
#include "proxy/server/listeners.h"

namespace weir::server {

class CertificateWatch final : io::TimerHandler {
 public:
  static constexpr base::Duration kLook = std::chrono::seconds(1);

  // Both outlive it. `looked` is called after each look, in which listeners may have been given others.
  CertificateWatch(io::Runtime& runtime, base::Executor& executor, std::function<void()> looked)
      : runtime_(runtime), executor_(executor), looked_(std::move(looked)), timer_(runtime.timers(), *this) {}

  // From now on, of these.
  void watch(const Listeners& listeners);
  void stop();

 private:
  struct Watched {
    std::string listener;
    tls::ServerOptions options;
    std::shared_ptr<core::Reception> reception;
    std::string seen;                // of the files at the latest look
    std::string read;                // of the files as they were read last, with whatever outcome
    std::set<std::string> lapsed{};  // certificates whose staple's time is over, by fingerprint
  };
  using All = std::vector<Watched>;

  void on_timer() override;
  static void look(Watched& watched);
  static void look_at_staples(Watched& watched);
  static void tell(const Watched& watched, const tls::ServerSettings& before, const tls::ServerSettings& now);

  io::Runtime& runtime_;
  base::Executor& executor_;
  const std::function<void()> looked_;
  io::Timer timer_;
  std::shared_ptr<All> watched_;  // the executor's while it looks
};

}  // namespace weir::server
