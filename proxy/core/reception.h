// How a listener receives its clients at the moment: what may be exchanged at any time, for the connections
// that come then. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "proxy/config/config.h"

namespace weir::core {

struct ListenerTerms {
  std::shared_ptr<const tls::ServerSettings> tls{};  // nullptr: in clear
  config::Protocol protocol = config::Protocol::any;
};

class Reception {
 public:
  std::shared_ptr<const ListenerTerms> terms() const { return terms_.load(); }
  void use(ListenerTerms terms) { terms_.store(std::make_shared<const ListenerTerms>(std::move(terms))); }
  // TLS alone, unless somebody else has exchanged `before` already.
  void renew_tls(std::shared_ptr<const ListenerTerms> before,
                 std::shared_ptr<const tls::ServerSettings> tls) {
    auto terms = std::make_shared<ListenerTerms>(*before);
    terms->tls = std::move(tls);
    terms_.compare_exchange_strong(before, std::move(terms));
  }

 private:
  std::atomic<std::shared_ptr<const ListenerTerms>> terms_{std::make_shared<const ListenerTerms>()};
};

}  // namespace weir::core
