// What tells requests apart where some of them belong together: by the node that takes them, or by how fast
// they may come. Pure.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/config/config.h"
#include "proxy/http/message.h"

namespace weir::policy {

// Nothing: the request lacks it, or it is its client's address. Lives as long as the request.
std::optional<std::string_view> find_key(const config::HashKey& key, const http::Request& request);

}  // namespace weir::policy
