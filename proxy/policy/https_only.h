// How clients are brought to come by TLS: requests in clear are sent to the same place under https, and
// answers tell browsers not to ask in clear again (RFC 6797). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/config/config.h"
#include "proxy/http/message.h"

namespace weir::policy {

// Whether a request that came in clear is to come by https instead; `request` is as forward() left it. What a
// trusted proxy says came by https did. How authorities are shown that a host is one's own (RFC 8555 8.3)
// goes in clear, or else there could be no first certificate.
bool is_for_https(const http::Request& request);

// The same place under https at this port. The request names a host.
std::string https_location(const http::Request& request, std::uint16_t port);

// What the field says.
std::string strict_transport_security(const config::Hsts& hsts);

}  // namespace weir::policy
