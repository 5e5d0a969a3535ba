#include "proxy/config/validate_sticky.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "proxy/config/section.h"

namespace weir::config {

namespace {

// Browsers take it by https alone (RFC 6265bis 4.1.3).
bool is_for_https(std::string_view cookie) {
  return cookie.starts_with("__Host-") || cookie.starts_with("__Secure-");
}

// Somebody in front may have spoken https to the client, and say so.
bool may_stand_behind_another(const Config& config) {
  return std::any_of(config.trusted_proxies.begin(), config.trusted_proxies.end(),
                     [](const io::IpPrefix& prefix) { return !prefix.ip.is_loopback(); });
}

bool leads_to(const Listener& listener, const Pool& pool, const Config& config) {
  return listener.mode == Mode::http && !listener.redirects_to &&
         std::any_of(config.routes.begin(), config.routes.end(), [&](const Route& route) {
           return route.pool == pool.name && route.match.takes_requests() &&
                  (route.match.listener.empty() || route.match.listener == listener.name);
         });
}

// Clients come to it, and none by TLS.
bool is_in_clear(const Pool& pool, const Config& config) {
  bool any = false;
  for (const Listener& listener : config.listeners) {
    if (!leads_to(listener, pool, config)) continue;
    if (listener.tls) return false;
    any = true;
  }
  return any;
}

}  // namespace

void warn_of_refused_cookies(const Config& config, const Places& places, Report& report) {
  if (may_stand_behind_another(config)) return;
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    if (!pool.sticky || !is_for_https(pool.sticky->cookie) || !is_in_clear(pool, config)) continue;
    report.warning(places.pools[i], fmt::format("pools.{}.sticky.cookie", pool.name),
                   fmt::format("browsers take {} by https alone, and no listener that leads here has tls; "
                               "name it otherwise, or list who speaks https in front under trusted_proxies",
                               in_quotes(pool.sticky->cookie)));
  }
}

}  // namespace weir::config
