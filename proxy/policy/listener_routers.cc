#include "proxy/policy/listener_routers.h"

#include <algorithm>

namespace weir::policy {

namespace {

bool is_at(const config::Match& match, std::string_view listener) {
  return match.listener.empty() || match.listener == listener;
}

std::vector<Router::Rule> rules_of_connections(const std::vector<config::Route>& routes,
                                               std::string_view listener) {
  std::vector<Router::Rule> rules;
  for (std::uint32_t i = 0; i < routes.size(); ++i) {
    const config::Match& match = routes[i].match;
    if (!match.takes_connections() || !is_at(match, listener)) continue;
    rules.push_back({match.sni, "", i});
    if (match.sni.empty()) break;  // it takes the rest
  }
  return rules;
}

}  // namespace

std::vector<Router::Rule> rules_of_requests(const std::vector<config::Route>& routes,
                                            std::string_view listener) {
  std::vector<Router::Rule> rules;
  rules.reserve(routes.size());
  for (std::uint32_t i = 0; i < routes.size(); ++i)
    if (const config::Match& match = routes[i].match; match.takes_requests() && is_at(match, listener))
      rules.push_back({match.host, match.path, i});
  return rules;
}

ListenerRouters::Raw::Raw(const std::vector<Router::Rule>& rules)
    : router(rules), asks_name(std::any_of(rules.begin(), rules.end(), [](const Router::Rule& rule) {
        return !rule.host.empty();
      })) {}

ListenerRouters::ListenerRouters(const config::Config& config)
    : other_connections_(rules_of_connections(config.routes, "")) {
  for (const config::Route& route : config.routes) {
    const config::Match& match = route.match;
    if (!match.listener.empty() && match.takes_requests())
      requests_.try_emplace(match.listener, rules_of_requests(config.routes, match.listener));
  }
  for (const config::Listener& listener : config.listeners)
    if (listener.mode == config::Mode::tcp)
      connections_.try_emplace(listener.name, rules_of_connections(config.routes, listener.name));
}

const Router* ListenerRouters::requests_at(std::string_view listener) const {
  const auto found = requests_.find(listener);
  return found == requests_.end() ? nullptr : &found->second;
}

const ListenerRouters::Raw& ListenerRouters::connections_at(std::string_view listener) const {
  const auto found = connections_.find(listener);
  return found == connections_.end() ? other_connections_ : found->second;
}

}  // namespace weir::policy
