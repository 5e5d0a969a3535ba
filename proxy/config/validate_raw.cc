#include "proxy/config/validate_raw.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "balancer/strategies.h"
#include "proxy/config/section.h"

namespace weir::config {

namespace {

constexpr int kMostListenerSuggestions = 20;

using ListenersByName = std::unordered_map<std::string_view, const Listener*>;

bool has_raw_listener(const Config& config) {
  return std::any_of(config.listeners.begin(), config.listeners.end(),
                     [](const Listener& listener) { return listener.mode == Mode::tcp; });
}

// Empty, or why this route could never match as it stands.
std::string objection_to_match(const Route& route, const Listener* listener, bool any_raw) {
  const Match& match = route.match;
  const bool raw = listener != nullptr && listener->mode == Mode::tcp;
  if (!match.sni.empty()) {
    if (!match.takes_connections())
      return "match.sni is for raw connections, which have no host and no path; leave one of them out";
    if (!any_raw) return "match.sni is for raw connections, and no listener has mode: tcp";
    if (listener != nullptr && !raw)
      return fmt::format("match.sni is for raw connections, and the listener {} has mode: http",
                         in_quotes(listener->name));
  }
  if (raw && !match.takes_connections())
    return fmt::format(
        "the listener {} has mode: tcp, and its connections have no host and no path; match.sni "
        "is for them",
        in_quotes(listener->name));
  if (route.host && (raw || !match.sni.empty()))
    return "host is for requests, and this route is for raw connections; leave it out";
  return {};
}

// Which pools the connections of this listener may go to, by the routes' order.
std::vector<const Route*> routes_of(const Config& config, const Listener& listener) {
  std::vector<const Route*> routes;
  for (const Route& route : config.routes) {
    const Match& match = route.match;
    if (!match.takes_connections() || (!match.listener.empty() && match.listener != listener.name)) continue;
    routes.push_back(&route);
    if (match.sni.empty()) break;  // it takes the rest
  }
  return routes;
}

void check_hash_keys(const Config& config, const Places& places,
                     const std::unordered_map<std::string_view, const Listener*>& reached, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const auto by = reached.find(pool.name);
    if (by == reached.end() || !balancer::takes_key(pool.strategy)) continue;
    if (pool.hash.source == HashSource::client_ip) continue;
    report.error(places.pools[i], fmt::format("pools.{}.hash.key", pool.name),
                 fmt::format("raw connections of the listener {} come here, and have no such key; allowed: "
                             "client-ip, or another pool for them",
                             in_quotes(by->second->name)));
  }
}

void check_sticky(const Config& config, const Places& places,
                  const std::unordered_map<std::string_view, const Listener*>& reached, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const auto by = reached.find(config.pools[i].name);
    if (by == reached.end() || !config.pools[i].sticky) continue;
    report.warning(
        i < places.pools.size() ? places.pools[i] : Position{},
        fmt::format("pools.{}.sticky", config.pools[i].name),
        fmt::format("raw connections of the listener {} come here, and have no cookies; they are not "
                    "kept at their nodes",
                    in_quotes(by->second->name)));
  }
}

void check_learned_limits(const Config& config, const Places& places,
                          const std::unordered_map<std::string_view, const Listener*>& reached,
                          Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const Pool& pool = config.pools[i];
    const bool learns = pool.max_in_flight == kAdaptive ||
                        std::any_of(pool.nodes.begin(), pool.nodes.end(),
                                    [](const Node& node) { return node.max_in_flight == kAdaptive; });
    const auto by = reached.find(pool.name);
    if (by == reached.end() || !learns) continue;
    report.error(i < places.pools.size() ? places.pools[i] : Position{},
                 fmt::format("pools.{}.max_in_flight", pool.name),
                 fmt::format("raw connections of the listener {} come here, and have no answers to learn "
                             "from; a number is needed",
                             in_quotes(by->second->name)));
  }
}

}  // namespace

void validate_listeners_of_routes(const Config& config, const Places& places, Report& report) {
  ListenersByName known;
  std::vector<std::string_view> names;
  for (const Listener& listener : config.listeners)
    known.emplace(names.emplace_back(listener.name), &listener);
  const bool any_raw = has_raw_listener(config);
  int suggestions = 0;
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const Route& route = config.routes[i];
    const std::string& wanted = route.match.listener;
    const auto found = known.find(wanted);
    if (!wanted.empty() && found == known.end()) {
      std::string near = ++suggestions <= kMostListenerSuggestions ? suggestion(wanted, names) : "";
      if (near.empty() && names.size() <= 20) near = "; allowed: " + joined(names);
      report.error(places.route_listeners[i], fmt::format("routes[{}].match.listener", i),
                   fmt::format("there is no listener {}{}", in_quotes(wanted), near));
      continue;
    }
    const Listener* listener = wanted.empty() ? nullptr : found->second;
    if (const std::string why = objection_to_match(route, listener, any_raw); !why.empty())
      report.error(places.routes[i], fmt::format("routes[{}]", i), why);
  }
}

void validate_raw_listeners(const Config& config, const Places& places, Report& report) {
  std::unordered_map<std::string_view, const Listener*> reached;  // pools, and by which listener first
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const Listener& listener = config.listeners[i];
    if (listener.mode != Mode::tcp) continue;
    const std::vector<const Route*> routes = routes_of(config, listener);
    for (const Route* route : routes) reached.emplace(route->pool, &listener);
    if (routes.empty())
      report.warning(
          i < places.listeners.size() ? places.listeners[i] : Position{}, fmt::format("listeners[{}]", i),
          "no route takes its connections, so that each is closed at once; add a route without host "
          "and path");
  }
  check_hash_keys(config, places, reached, report);
  check_sticky(config, places, reached, report);
  check_learned_limits(config, places, reached, report);
}

bool takes_raw(const Config& config, std::string_view pool) {
  return std::any_of(config.listeners.begin(), config.listeners.end(), [&](const Listener& listener) {
    const std::vector<const Route*> routes = routes_of(config, listener);
    return listener.mode == Mode::tcp &&
           std::any_of(routes.begin(), routes.end(), [&](const Route* route) { return route->pool == pool; });
  });
}

bool may_take(const Config& config, const Route& route, Mode mode) {
  const Match& match = route.match;
  const bool fits = mode == Mode::http ? match.takes_requests() : match.takes_connections();
  return fits && std::any_of(config.listeners.begin(), config.listeners.end(), [&](const Listener& listener) {
           return listener.mode == mode && (match.listener.empty() || match.listener == listener.name);
         });
}

}  // namespace weir::config
