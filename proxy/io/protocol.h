// Which versions of HTTP are spoken.
#pragma once

#include <cstdint>

namespace weir::io {

// any: to clients HTTP/2 if they ask for it, by ALPN or by beginning with its preface; to nodes if they agree
// to it, by ALPN.
enum class Protocol : std::uint8_t { any, h1, h2 };

}  // namespace weir::io
