// What went wrong, in one value: a stable reason word for logs and metrics, whose fault it is, and whether
// trying again is allowed. Errors are plain values; the data path throws nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::base {

// The words of the glossary; word() gives their stable spelling.
enum class Reason : std::uint8_t {
  none,
  no_route,
  no_node,
  connect_refused,
  connect_timeout,
  upstream_reset,
  upstream_closed,
  upstream_bad,
  upstream_truncated,
  response_timeout,
  request_timeout,
  client_gone,
  client_timeout,
  bad_request,
  too_large,
  denied,
  rate_limited,
  queue_full,
  queue_timeout,
  overloaded,
  drained,
  internal,
};

enum class Fault : std::uint8_t { ourselves, downstream, upstream };

// never: the request may have been acted upon. other_node: as never, but repeating it elsewhere is worth it
// where the method allows it. reused_connection: the connection had served before, so that its end says
// nothing of the node. declined: the node had the request, and did nothing with it (RFC 9113 8.7).
// not_processed: no byte of the request reached the node.
enum class Retry : std::uint8_t { never, other_node, reused_connection, declined, not_processed };

struct Error {
  Reason reason = Reason::none;
  Fault fault = Fault::ourselves;
  Retry retry = Retry::never;
  std::uint16_t status = 0;      // the answer a client should get; 0: decided by who answers
  std::string_view detail = {};  // static text, in words for an operator
};

std::string_view word(Reason reason);

}  // namespace weir::base
