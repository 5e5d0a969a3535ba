// One operation of a trace, told when it is over: an exchange (kind server) or one of its attempts (kind
// client). A plain value that owns its texts, since it is read later and on another thread. Made only of
// requests that are sampled.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/base/trace_id.h"
#include "proxy/io/address.h"

namespace weir::observe {

struct Span {
  enum class Kind : std::uint8_t { server = 2, client = 3 };  // the numbers that OTLP has for them
  static constexpr std::size_t kMostText = 1024;              // bytes; what clients send is cut there

  Kind kind = Kind::server;
  base::TraceId trace;
  base::SpanId id = 0;
  base::SpanId parent = 0;    // 0: none
  std::int64_t begin_ns = 0;  // since 1970 (UTC)
  std::int64_t end_ns = 0;
  std::string state;  // the request's tracestate; "" for one that is too long

  std::string method;          // as received
  std::string scheme;          // server: as the client asked
  std::string host;            // server: the host and port that the client asked
  std::string target;          // path and query
  std::string user_agent;      // server
  io::Ip client;               // server: its address; family none on a unix socket
  std::string_view protocol;   // server: its version, "1.1"; static
  std::string route;           // server
  std::string pool;            // "" if none was reached
  std::string node;            // client: the node's address as text; server: the last attempt's
  std::uint32_t attempt = 0;   // client: which one, from 1
  int status = 0;              // server: what the client got; client: what the node said; 0: nothing
  std::int64_t queued_ns = 0;  // server: how long it waited for the pool's limits; 0: not at all
  base::Reason reason = base::Reason::none;
  std::string_view detail;  // of what went wrong, in words; static

  std::size_t bytes() const {
    return sizeof(Span) + state.size() + method.size() + scheme.size() + host.size() + target.size() +
           user_agent.size() + route.size() + pool.size() + node.size();
  }
};

}  // namespace weir::observe
