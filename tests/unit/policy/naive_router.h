// Which route a request takes, as the documentation says it: one route after the other.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/http/fields.h"
#include "proxy/http/uri.h"

namespace weir::policy {

inline bool naive_host_matches(std::string_view pattern, std::string_view host) {
  host = http::host_without_port(host);
  if (host.ends_with('.')) host.remove_suffix(1);
  if (pattern.empty()) return true;
  if (!pattern.starts_with("*.")) return http::same_name(pattern, host);
  pattern.remove_prefix(1);
  return host.size() > pattern.size() && http::same_name(pattern, host.substr(host.size() - pattern.size()));
}

// The index of the route, or -1.
inline int naive_route(const std::vector<config::Route>& routes, std::string_view host,
                       std::string_view path) {
  for (std::size_t i = 0; i < routes.size(); ++i)
    if (naive_host_matches(routes[i].match.host, host) && path.starts_with(routes[i].match.path))
      return static_cast<int>(i);
  return -1;
}

}  // namespace weir::policy
