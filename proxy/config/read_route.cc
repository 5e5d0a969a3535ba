#include "proxy/config/read_route.h"

#include <fmt/format.h>

#include <unordered_map>

#include "proxy/base/ascii.h"
#include "proxy/config/default_names.h"
#include "proxy/config/read_access.h"
#include "proxy/config/read_hedge.h"
#include "proxy/config/read_retry.h"
#include "proxy/config/read_timeouts.h"
#include "proxy/config/scalar.h"
#include "proxy/http/uri.h"

namespace weir::config {

namespace {

using SeenRoutes = std::unordered_map<std::string, int>;  // names, and on which line first

void read_match_host(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed =
      "a host without port, such as api.example.com, *.example.com or [::1]; leave it out for any host";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  std::string host = base::lowered(field.value.text);
  const std::string_view name = std::string_view(host).substr(host.starts_with("*.") ? 2 : 0);
  const bool plain = name.find_first_of("*%") == name.npos && !name.starts_with('.') && !name.ends_with('.');
  if (!plain || !http::valid_host(name) || http::host_without_port(name).size() != name.size())
    return field.refuse(kAllowed);
  out = std::move(host);
}

void read_match_path(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed = "the beginning of a path, such as /v1/, without query";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& path = field.value.text;
  if (!path.starts_with('/') || path.find('?') != path.npos) return field.refuse(kAllowed);
  if (const auto target = http::parse_target(http::Method::get, path); !target)
    return field.fail(fmt::format("{}: {}; allowed: {}", in_quotes(path), target.error().detail, kAllowed));
  std::string normal;
  http::normalise(path, normal);
  if (normal != path)
    return field.fail(fmt::format("{} never matches, since requests are matched in normal form; write {}",
                                  in_quotes(path), normal));
  out = path;
}

// As TLS has it (RFC 6066 3): a name, and never an address.
void read_match_sni(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed =
      "a host name, such as db.example.com or *.example.com; leave it out for any connection";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  std::string host = base::lowered(field.value.text);
  const std::string_view name = std::string_view(host).substr(host.starts_with("*.") ? 2 : 0);
  const auto address = io::Address::parse(std::string(name) + ":1");
  const bool is_name = address && address->kind == io::Address::Kind::name;
  if (!is_name || name.ends_with('.')) return field.refuse(kAllowed);
  out = std::move(host);
}

void read_match_listener(const Field& field, std::string& out, Position& at) {
  read_name(field, out);
  at = field.value.at;
}

void read_match(const Field& field, Match& out, Position& listener_at) {
  const Section section(field, keys::kMatch);
  section.read("host", read_match_host, out.host);
  section.read("path", read_match_path, out.path);
  section.read("sni", read_match_sni, out.sni);
  section.read("listener", read_match_listener, out.listener, listener_at);
}

void read_sent_host(const Field& field, std::optional<std::string>& out) {
  constexpr std::string_view kAllowed = "HOST or HOST:PORT, such as app.internal:8000";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  if (!http::valid_host(field.value.text)) return field.refuse(kAllowed);
  out = field.value.text;
}

void read_pool_name(const Field& field, std::string& out, Position& at) {
  if (!field.must_be(Value::Kind::scalar, "a pool's name")) return;
  if (field.value.text.empty()) return field.refuse("a pool's name");
  out = field.value.text;
  at = field.value.at;
}

void read_route_name(const Field& field, std::string& out, SeenRoutes& seen) {
  read_name(field, out);
  if (out.empty()) return;
  const auto [first, fresh] = seen.emplace(out, field.value.at.line);
  if (!fresh) field.fail(fmt::format("a route has this name already, on line {}", first->second));
}

struct RoutePlaces {
  Position& pool;
  Position& listener;
};

void read_route(const Field& field, Route& out, RoutePlaces places, SeenRoutes& names) {
  const Section section(field, keys::kRoute);
  section.read("name", read_route_name, out.name, names);
  section.read("match", read_match, out.match, places.listener);
  section.require("pool", read_pool_name, out.pool, places.pool);
  section.read("host", read_sent_host, out.host);
  section.read("timeouts", read_timeout_overrides, out.timeouts, keys::kRouteTimeouts);
  read_access(section, out.access);
  section.read("rate_limit", read_rate_limit, out.rate_limit, keys::kRouteRateLimit);
  section.read("retry", read_retry_overrides, out.retry);
  section.read("hedge", read_hedge_override, out.hedge);
  section.read("priority", read_word<Priority>, out.priority, std::span(kPriorities));
}

std::string default_name(const Match& match) {
  std::string name;
  for (const std::string& part : {match.host, match.path, match.sni, match.listener}) {
    if (part.empty()) continue;
    if (!name.empty()) name += ' ';
    name += part;
  }
  return name.empty() ? "default" : name;
}

}  // namespace

void read_routes(const Field& field, std::vector<Route>& out, Places& places) {
  places.routes_unreadable = !field.must_be(Value::Kind::list, "a list of routes, such as - pool: app");
  if (places.routes_unreadable) return;
  const std::size_t count = field.value.items.size();
  out.assign(count, {});
  places.route_pools.assign(count, {});
  places.route_listeners.assign(count, {});
  SeenRoutes names;
  for (std::size_t i = 0; i < count; ++i) {
    const Field item = field.item(i);
    places.routes.push_back(item.value.at);
    read_route(item, out[i], {places.route_pools[i], places.route_listeners[i]}, names);
  }
  name_the_nameless(out, [](const Route& route) { return default_name(route.match); });
}

}  // namespace weir::config
