// What a connection to a node begins with, where its pool speaks the PROXY protocol: whose connection it is
// for.
#pragma once

#include <string>

#include "proxy/codec/proxy_header.h"
#include "proxy/config/config.h"
#include "proxy/io/transport.h"

namespace weir::core {

// "": nothing. `client` is the connection that is passed on.
inline std::string proxy_greeting(config::ProxyProtocol version, const io::Transport& client) {
  if (version == config::ProxyProtocol::off) return {};
  return codec::proxy_header(
      version == config::ProxyProtocol::v1 ? codec::ProxyVersion::v1 : codec::ProxyVersion::v2,
      {client.peer(), client.peer_port()}, client.local());
}

}  // namespace weir::core
