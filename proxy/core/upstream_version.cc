#include "proxy/core/upstream_version.h"

#include <string>

#include "proxy/base/base64.h"
#include "proxy/tls/digest.h"

namespace weir::core {
namespace {

// RFC 6455 4.2.2.
std::string accept_of(std::string_view key) {
  return base::to_base64(tls::sha1(std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
}

}  // namespace

UpstreamVersion version_of(config::Protocol wanted, const io::Transport& transport) {
  switch (wanted) {
    case config::Protocol::h1:
      break;
    case config::Protocol::h2:
      return transport.protocol() == "http/1.1" ? UpstreamVersion::none : UpstreamVersion::h2;
    case config::Protocol::any:
      return transport.protocol() == "h2" ? UpstreamVersion::h2 : UpstreamVersion::h1;
  }
  return UpstreamVersion::h1;
}

std::unique_ptr<codec::H2Client> make_h2_client(codec::ClientCodecOwner& owner, codec::Scratch& scratch,
                                                Transit transit) {
  return std::make_unique<codec::H2Client>(owner, scratch, transit == Transit::tls ? "https" : "http",
                                           accept_of);
}

}  // namespace weir::core
