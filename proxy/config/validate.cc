#include "proxy/config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "proxy/config/section.h"
#include "proxy/config/validate_limits.h"
#include "proxy/config/validate_raw.h"
#include "proxy/config/validate_sticky.h"
#include "proxy/config/validate_timeouts.h"

namespace weir::config {

namespace {

constexpr int kMostSuggestions = 20;  // comparing a name with thousands of pools takes its time

void check_pools_of_routes(const Config& config, const Places& places, Report& report) {
  std::unordered_set<std::string_view> known;
  std::vector<std::string_view> names;
  for (const Pool& pool : config.pools) known.insert(names.emplace_back(pool.name));
  int suggestions = 0;
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const std::string& wanted = config.routes[i].pool;
    if (wanted.empty() || known.contains(wanted)) continue;
    std::string near = ++suggestions <= kMostSuggestions ? suggestion(wanted, names) : "";
    if (near.empty() && names.size() <= 20) near = "; allowed: " + joined(names);
    if (near.empty()) near = "; allowed: the name of a pool under pools";
    report.error(places.route_pools[i], fmt::format("routes[{}].pool", i),
                 fmt::format("there is no pool {}{}", in_quotes(wanted), near));
  }
}

void warn_of_unused_pools(const Config& config, const Places& places, Report& report) {
  std::unordered_set<std::string_view> used;
  for (const Route& route : config.routes) used.insert(route.pool);
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    if (!used.contains(config.pools[i].name))
      report.warning(places.pools[i], "pools." + config.pools[i].name,
                     "no route uses this pool; name it in a route, or remove it");
}

void warn_of_headers_of_nobody(const Config& config, const Places& places, Report& report) {
  if (!config.trusted_proxies.empty()) return;
  for (std::size_t i = 0; i < config.listeners.size(); ++i)
    if (config.listeners[i].proxy_protocol != ProxyProtocol::off)
      report.warning(places.listeners[i], fmt::format("listeners[{}].proxy_protocol", i),
                     "is of no use: trusted_proxies is empty, so that nobody's header is taken");
}

void warn_of_backups_of_nothing(const Config& config, const Places& places, Report& report) {
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const std::vector<Node>& nodes = config.pools[i].nodes;
    if (!nodes.empty() &&
        std::all_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.backup; }))
      report.warning(
          places.pools[i], "pools." + config.pools[i].name,
          "each of its nodes is a backup, so that they take all requests; leave backup out of those "
          "that are to take them first");
  }
}

// Whether a connection to the node is one to the listener: a request that goes there comes back, again and
// again.
bool reaches(const io::Address& node, const Listener& listener) {
  const io::Address& at = listener.address;
  if (node == at) return true;
  if (at.kind != io::Address::Kind::ip || node.port != at.port) return false;
  if (node.kind == io::Address::Kind::name)
    return node.text_ == "localhost" && (at.ip.is_loopback() || at.ip.is_any());
  return node.ip.family == at.ip.family &&
         ((at.ip.is_any() && node.ip.is_loopback()) || (node.ip.is_any() && at.ip.is_loopback()));
}

void warn_of_circles(const Config& config, const Places& places, Report& report) {
  std::unordered_map<std::uint16_t, std::vector<const Listener*>> by_port;
  for (const Listener& listener : config.listeners) by_port[listener.address.port].push_back(&listener);
  for (std::size_t i = 0; i < config.pools.size(); ++i)
    for (const Node& node : config.pools[i].nodes) {
      const auto at = by_port.find(node.address.port);
      if (at == by_port.end()) continue;
      if (std::any_of(at->second.begin(), at->second.end(),
                      [&](const Listener* listener) { return reaches(node.address, *listener); }))
        report.warning(
            places.pools[i], "pools." + config.pools[i].name,
            fmt::format("the node {} is a listener of this file; what a route sends there comes in again",
                        node.address.text()));
    }
}

// The path prefixes of one host pattern that earlier routes take.
class Taken {
 public:
  void add(std::string_view path, std::size_t route) { routes_.emplace(path, route); }
  // An earlier route whose prefix begins the path. Whatever begins it sorts before it, and begins whatever
  // both it and its neighbour begin with.
  std::optional<std::size_t> find(std::string_view path) const {
    for (;;) {
      auto next = routes_.upper_bound(path);
      if (next == routes_.begin()) return std::nullopt;
      const auto& [prefix, route] = *std::prev(next);
      if (path.starts_with(prefix)) return route;
      const auto parting = std::mismatch(path.begin(), path.end(), prefix.begin(), prefix.end()).first;
      path = path.substr(0, static_cast<std::size_t>(parting - path.begin()));
    }
  }

 private:
  std::map<std::string_view, std::size_t> routes_;
};

using TakenByHost = std::unordered_map<std::string, Taken>;

// An earlier route that takes all that this one would: its host is the same or wider, and so is its path.
std::optional<std::size_t> find_hiding(const TakenByHost& taken, const std::string& host,
                                       const std::string& path) {
  const auto look = [&](const std::string& pattern) -> std::optional<std::size_t> {
    const auto found = taken.find(pattern);
    return found == taken.end() ? std::nullopt : found->second.find(path);
  };
  if (const auto hiding = look("")) return hiding;
  if (host.empty()) return std::nullopt;
  if (const auto hiding = look(host)) return hiding;
  for (std::size_t dot = host.find('.', host.starts_with("*.") ? 2 : 0); dot != std::string::npos;
       dot = host.find('.', dot + 1))
    if (const auto hiding = look("*" + host.substr(dot))) return hiding;
  return std::nullopt;
}

// What earlier routes take of requests, or of raw connections: at any listener (""), or at one.
class TakenByListener {
 public:
  void add(const std::string& host, const std::string& path, const Match& match, std::size_t route) {
    taken_[match.listener][host].add(path, route);
  }
  std::optional<std::size_t> find(const std::string& host, const std::string& path, const Match& match) {
    if (const auto hiding = find_hiding(taken_[""], host, path)) return hiding;
    return match.listener.empty() ? std::nullopt : find_hiding(taken_[match.listener], host, path);
  }

 private:
  std::unordered_map<std::string, TakenByHost> taken_;
};

void warn_of_unreachable_routes(const Config& config, const Places& places, Report& report) {
  TakenByListener requests, connections;
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    const Match& match = config.routes[i].match;
    const auto hiding = match.takes_requests() ? requests.find(match.host, match.path, match)
                                               : connections.find(match.sni, "", match);
    if (hiding) {
      report.warning(places.routes[i], fmt::format("routes[{}]", i),
                     fmt::format("is never reached: the route {} on line {} takes all that it matches; put "
                                 "this one before it, or remove it",
                                 in_quotes(config.routes[*hiding].name), places.routes[*hiding].line));
      continue;
    }
    if (match.takes_requests()) requests.add(match.host, match.path, match, i);
    if (match.takes_connections()) connections.add(match.sni, "", match, i);
  }
}

}  // namespace

void validate(const Config& config, const Places& places, Report& report) {
  if (config.pools.empty()) return;  // said already
  check_pools_of_routes(config, places, report);
  if (report.failed()) return;
  validate_listeners_of_routes(config, places, report);
  validate_raw_listeners(config, places, report);
  warn_of_unused_pools(config, places, report);
  warn_of_headers_of_nobody(config, places, report);
  warn_of_backups_of_nothing(config, places, report);
  warn_of_circles(config, places, report);
  warn_of_unreachable_routes(config, places, report);
  warn_of_contradictions(config, places, report);
  warn_of_limits(config, places, report);
  warn_of_refused_cookies(config, places, report);
}

}  // namespace weir::config
