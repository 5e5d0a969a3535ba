// How a listener speaks TLS at the moment, if it does: settings that may be exchanged at any time, for the
// connections that come then. Any thread.
#pragma once

#include <atomic>
#include <memory>

#include "proxy/tls/server_settings.h"

namespace weir::tls {

class Terminator {
 public:
  // nullptr: the listener is clear.
  std::shared_ptr<const ServerSettings> settings() const { return settings_.load(); }
  // Unless somebody else has exchanged `before` already.
  void replace(std::shared_ptr<const ServerSettings> before, std::shared_ptr<const ServerSettings> settings) {
    settings_.compare_exchange_strong(before, std::move(settings));
  }
  void use(std::shared_ptr<const ServerSettings> settings) { settings_.store(std::move(settings)); }

 private:
  std::atomic<std::shared_ptr<const ServerSettings>> settings_;
};

}  // namespace weir::tls
