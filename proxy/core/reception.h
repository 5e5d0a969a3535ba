// How a listener receives its clients at the moment: what may be exchanged at any time, for the connections
// that come then. Any thread.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "proxy/config/config.h"

namespace weir::core {

struct ListenerTerms {
  std::shared_ptr<const tls::ServerSettings> tls{};  // nullptr: in clear
  config::Protocol protocol = config::Protocol::any;
};

class Reception {
 public:
  std::shared_ptr<const ListenerTerms> terms() const {
    const std::lock_guard lock(mutex_);
    return terms_;
  }
  void use(ListenerTerms terms) {
    std::shared_ptr<const ListenerTerms> next = std::make_shared<const ListenerTerms>(std::move(terms));
    const std::lock_guard lock(mutex_);
    terms_.swap(next);
  }
  // TLS alone, unless somebody else has exchanged `before` already.
  void renew_tls(const std::shared_ptr<const ListenerTerms>& before,
                 std::shared_ptr<const tls::ServerSettings> tls) {
    auto terms = std::make_shared<ListenerTerms>(*before);
    terms->tls = std::move(tls);
    const std::lock_guard lock(mutex_);
    if (terms_ == before) terms_ = std::move(terms);
  }

 private:
  mutable std::mutex mutex_;  // held for a moment; each client that comes asks once
  std::shared_ptr<const ListenerTerms> terms_ = std::make_shared<const ListenerTerms>();
};

}  // namespace weir::core
