// Looks whether the files of listeners' certificates have changed, and has the listeners serve with what they
// say now. New connections get the new certificates, those that stand are left alone; files that are no good
// leave the old certificates in service, and the log says so. What changes is read once it has stood still
// for a look, so that a certificate and its key may come one after the other. Owned by the supervisor;
// control thread only, but for the files, which are the executor's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/executor.h"
#include "proxy/io/runtime.h"
#include "proxy/server/listeners.h"

namespace weir::server {

class CertificateWatch final : io::TimerHandler {
 public:
  static constexpr base::Duration kLook = std::chrono::seconds(1);

  // Both outlive it.
  CertificateWatch(io::Runtime& runtime, base::Executor& executor)
      : runtime_(runtime), executor_(executor), timer_(runtime.timers(), *this) {}

  // From now on, of these.
  void watch(const Listeners& listeners);
  void stop();

 private:
  struct Watched {
    std::string listener;
    tls::ServerOptions options;
    std::shared_ptr<core::Reception> reception;
    std::string seen;  // of the files at the latest look
    std::string read;  // of the files as they were read last, with whatever outcome
  };
  using All = std::vector<Watched>;

  void on_timer() override;
  static void look(Watched& watched);

  io::Runtime& runtime_;
  base::Executor& executor_;
  io::Timer timer_;
  std::shared_ptr<All> watched_;  // the executor's while it looks
};

}  // namespace weir::server
