// What clients and nodes sent that could not be taken, and at debug the attempts that failed, in Weir's own
// log: a line each, as far as the budget goes. One a worker; loop thread only.
#pragma once

#include <string_view>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/core/line_budget.h"
#include "proxy/io/address.h"
#include "proxy/observe/shares.h"
#include "proxy/policy/retry.h"

namespace weir::core {

class RefusalLog {
 public:
  // `status`: what the client was answered; 0: the answer had begun, and was cut.
  void note_request(const base::Error& error, int status, const io::Ip& peer, base::Time now);
  void note_answer(const base::Error& error, std::string_view node, base::Time now);
  // Costs a load and a branch where debug lines are not written.
  void note_attempt(const base::Error& error, std::string_view node, policy::Verdict verdict,
                    base::Time now) {
    if (base::logs(base::LogLevel::debug)) write_attempt(error, node, verdict, now);
  }

  // Likewise.
  void note_proxy_header(observe::ProxyHeaderFailure why, const io::Ip& peer, base::Time now) {
    if (base::logs(base::LogLevel::debug)) write_proxy_header(why, peer, now);
  }

 private:
  void write_proxy_header(observe::ProxyHeaderFailure why, const io::Ip& peer, base::Time now);
  void write_attempt(const base::Error& error, std::string_view node, policy::Verdict verdict,
                     base::Time now);

  // Each of its own, so that a client cannot hide what nodes do.
  LineBudget requests_{"requests were refused", base::LogLevel::info};
  LineBudget answers_{"answers of nodes were refused", base::LogLevel::warning};
  LineBudget attempts_{"attempts failed", base::LogLevel::debug};
  LineBudget proxy_headers_{"headers of the PROXY protocol were refused", base::LogLevel::debug};
};

}  // namespace weir::core
