// One exchange, told once, when it is over. Made by the exchange's one exit; the access log (and later
// metrics and traces) read it and keep nothing of it: the views are good during the call only.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/io/address.h"

namespace weir::observe {

struct ExchangeRecord {
  io::Ip client;
  std::string_view method;
  std::string_view host;
  std::string_view target;    // path and query, as forwarded
  std::string_view protocol;  // "HTTP/1.1"
  std::string_view user_agent;
  std::string_view referer;
  int status = 0;                    // 0: none was sent
  std::uint64_t request_bytes = 0;   // of the body
  std::uint64_t response_bytes = 0;  // of the body
  base::Duration total{};
  base::Duration upstream{};  // from the last attempt's begin until its final head; 0: none came
  base::Duration queued{};    // in the pool's queue, in all
  std::string_view route;
  std::string_view pool;
  std::string_view node;
  std::uint32_t attempts = 0;
  std::string_view request_id;
  std::string_view client_subject;  // of the certificate that the client has shown
  base::Reason reason = base::Reason::none;
};

}  // namespace weir::observe
