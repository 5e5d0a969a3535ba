// The key that a WebSocket handshake of HTTP/1.1 carries (RFC 6455 4.1): 16 bytes, in base64. It keeps caches
// from answering a handshake by accident, and is no secret.
#pragma once

#include <cstdint>
#include <string>

namespace weir::codec {

// `state` goes one step on.
std::string make_websocket_key(std::uint64_t& state);

}  // namespace weir::codec
