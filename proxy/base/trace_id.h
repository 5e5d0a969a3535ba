// By which a trace and its spans are known, in every process that they pass through (W3C Trace
// Context, 3.2.2). Zero is none.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/hex.h"

namespace weir::base {

struct TraceId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  explicit operator bool() const { return (high | low) != 0; }
  friend bool operator==(const TraceId&, const TraceId&) = default;
};

using SpanId = std::uint64_t;

inline char* put_hex(char* to, const TraceId& id) {
  return put_hex(put_hex(to, id.high), id.low);
}

// 16 digits of a SpanId, 32 of a TraceId.
template <class Id>
std::string hex(const Id& id) {
  char text[2 * sizeof(Id)];
  return {text, put_hex(text, id)};
}

}  // namespace weir::base
