// Which version of HTTP a node is spoken to in, and the codec of the second one.
#pragma once

#include <memory>
#include <string_view>

#include "proxy/codec/h2_client.h"
#include "proxy/config/config.h"
#include "proxy/io/transport.h"

namespace weir::core {

enum class UpstreamVersion : std::uint8_t {
  h1,
  h2,
  none,  // the node speaks no version that is wanted
};

// Once the connection stands. What is configured decides, and where that leaves it open, what was agreed on
// by ALPN. A node that agrees to nothing is taken to know what it is spoken to in.
UpstreamVersion version_of(config::Protocol wanted, const io::Transport& transport);

inline constexpr base::Error kNoHttp2{base::Reason::upstream_bad, base::Fault::upstream, base::Retry::never,
                                      502, "the node speaks HTTP/1.1 alone, where HTTP/2 is wanted"};

enum class Transit : std::uint8_t { clear, tls };
std::unique_ptr<codec::H2Client> make_h2_client(codec::ClientCodecOwner& owner, codec::Scratch& scratch,
                                                Transit transit);

}  // namespace weir::core
