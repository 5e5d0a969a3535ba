// Digests: one that protocols ask for where nothing is secret, and one that proves who made a text.
#pragma once

#include <string>
#include <string_view>

namespace weir::tls {

// SHA-1, which WebSocket handshakes ask for (RFC 6455); 20 bytes.
std::string sha1(std::string_view text);

// HMAC with SHA-256 (RFC 2104); 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace weir::tls
