#include "proxy/base/error.h"

namespace weir::base {

std::string_view word(Reason reason) {
  switch (reason) {
    case Reason::none:
      return "-";
    case Reason::no_route:
      return "no_route";
    case Reason::no_node:
      return "no_node";
    case Reason::connect_refused:
      return "connect_refused";
    case Reason::connect_timeout:
      return "connect_timeout";
    case Reason::upstream_reset:
      return "upstream_reset";
    case Reason::upstream_closed:
      return "upstream_closed";
    case Reason::upstream_bad:
      return "upstream_bad";
    case Reason::upstream_truncated:
      return "upstream_truncated";
    case Reason::response_timeout:
      return "response_timeout";
    case Reason::request_timeout:
      return "request_timeout";
    case Reason::client_gone:
      return "client_gone";
    case Reason::client_timeout:
      return "client_timeout";
    case Reason::bad_request:
      return "bad_request";
    case Reason::too_large:
      return "too_large";
    case Reason::denied:
      return "denied";
    case Reason::rate_limited:
      return "rate_limited";
    case Reason::queue_full:
      return "queue_full";
    case Reason::queue_timeout:
      return "queue_timeout";
    case Reason::overloaded:
      return "overloaded";
    case Reason::drained:
      return "drained";
    case Reason::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace weir::base
