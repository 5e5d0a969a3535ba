// How a listener receives its clients at the moment: what may be exchanged at any time, for the connections
// that come then. Any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "proxy/config/config.h"
#include "proxy/policy/admission.h"

namespace weir::core {

// How clients are brought to come by TLS, and kept there.
struct HttpsRules {
  std::optional<std::uint16_t> redirect{};  // in clear: the port where requests are sent
  std::string hsts{};  // over TLS: the Strict-Transport-Security of every answer; "": none
};

struct ListenerTerms {
  std::shared_ptr<const tls::ServerSettings> tls{};  // nullptr: in clear
  config::Protocol protocol = config::Protocol::any;
  base::Duration max_connection_age = config::kOff;
  config::Mode mode = config::Mode::http;
  config::ProxyProtocol proxy_protocol = config::ProxyProtocol::off;
  std::string name{};                                    // the listener's, by which routes may ask for it
  std::shared_ptr<const HttpsRules> https{};             // nullptr: none
  std::shared_ptr<const policy::Admission> admission{};  // likewise
};

class Reception {
 public:
  Reception() = default;
  explicit Reception(ListenerTerms terms) { use(std::move(terms)); }

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
