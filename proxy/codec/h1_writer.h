// HTTP/1.1 heads and framing as bytes. Framing is made from the message's length, never copied. Pure
// functions that append to an Output.
#pragma once

#include <string_view>

#include "proxy/codec/output.h"
#include "proxy/http/message.h"

namespace weir::codec {

// How the body that follows a head is framed on the wire.
enum class Framing : std::uint8_t { none, counted, chunked, until_close, tunnel };

// What Connection should say about this hop.
enum class Persistence : std::uint8_t { implied, keep_alive, close };

void write_request(const http::Request& request, Framing framing, Output& out);
void write_response(const http::Response& response, Framing framing, Persistence persistence, Output& out);
void write_chunk(std::string_view payload, Output& out);  // not empty; the payload is lent
void write_last_chunk(const http::Fields* trailers, Output& out);

}  // namespace weir::codec
