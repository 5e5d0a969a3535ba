// The one vocabulary between codecs and the exchange, the same for every version of HTTP. A message is a
// head, then bodies, then perhaps trailers, then End; a response may have interim heads before its final one.
// After a 101 (or 200 to CONNECT) bodies are the tunnel's bytes and End is a half-close.
//
// Pointers and views are lent: a head until on_event or send returns (an owner may swap its content out), a
// body's bytes until the flush that ends the present turn.
#pragma once

#include <string_view>
#include <variant>

#include "proxy/http/message.h"

namespace weir::http {

struct RequestHead {
  Request* head;
};
struct ResponseHead {
  Response* head;
};
struct Body {
  std::string_view bytes;  // none: what came was framing alone, a sign of life
};
struct Trailers {
  Fields* fields;
};
struct End {};

using Event = std::variant<RequestHead, ResponseHead, Body, Trailers, End>;

}  // namespace weir::http
