#include "proxy/policy/listener_routers.h"

#include "tests/unit/catch.h"

using namespace weir;
using policy::ListenerRouters;

namespace {

config::Config routed(std::vector<config::Match> matches) {
  config::Config config;
  for (const auto& [name, mode] :
       {std::pair("web", config::Mode::http), {"db", config::Mode::tcp}, {"mail", config::Mode::tcp}}) {
    config::Listener& listener = config.listeners.emplace_back();
    listener.name = name;
    listener.mode = mode;
  }
  for (config::Match& match : matches) config.routes.emplace_back().match = std::move(match);
  return config;
}

int at(const policy::Router& router, std::string_view host, std::string_view path = "/") {
  const auto found = router.route(host, path);
  return found ? static_cast<int>(*found) : -1;
}

int raw_at(const ListenerRouters& routers, std::string_view listener, std::string_view name) {
  return at(routers.connections_at(listener).router, name, "");
}

}  // namespace

TEST_CASE("requests at a listener that routes name have routes of their own among the others") {
  const config::Config config = routed({{.host = "a.test", .path = "", .listener = "web"},
                                        {.host = "", .path = "/v1/", .listener = "inside"},
                                        {.host = "a.test", .path = ""},
                                        {.host = "", .path = "", .sni = "b.test"},
                                        {.host = "", .path = ""}});
  const ListenerRouters routers(config);
  REQUIRE(routers.names_listeners());
  CHECK(at(*routers.requests_at("web"), "a.test") == 0);
  CHECK(at(*routers.requests_at("web"), "a.test", "/v1/x") == 0);
  CHECK(at(*routers.requests_at("inside"), "a.test", "/v1/x") == 1);
  CHECK(at(*routers.requests_at("inside"), "a.test") == 2);
  CHECK(at(*routers.requests_at("web"), "b.test") == 4);
  CHECK(routers.requests_at("other") == nullptr);
  const policy::Router others(config.routes);
  CHECK(at(others, "a.test", "/v1/x") == 2);
  CHECK(at(others, "b.test") == 4);
}

TEST_CASE("no router of its own where no route of requests names a listener") {
  CHECK_FALSE(ListenerRouters(routed({{.host = "", .path = ""}})).names_listeners());
  CHECK_FALSE(ListenerRouters(routed({{.host = "", .path = "", .sni = "a.test", .listener = "db"}}))
                  .names_listeners());
}

TEST_CASE("raw connections take routes without host and path, by listener and name") {
  const ListenerRouters routers(routed({{.host = "a.test", .path = ""},
                                        {.host = "", .path = "/"},
                                        {.host = "", .path = "", .sni = "*.test", .listener = "mail"},
                                        {.host = "", .path = "", .sni = "a.test"},
                                        {.host = "", .path = "", .listener = "db"},
                                        {.host = "", .path = "", .sni = "b.test"}}));
  CHECK(raw_at(routers, "mail", "a.test") == 2);
  CHECK(raw_at(routers, "mail", "A.Test") == 2);
  CHECK(raw_at(routers, "mail", "test") == -1);
  CHECK(raw_at(routers, "mail", "") == -1);
  CHECK(raw_at(routers, "db", "a.test") == 3);
  CHECK(raw_at(routers, "db", "b.test") == 4);
  CHECK(raw_at(routers, "db", "") == 4);
  CHECK(raw_at(routers, "gone", "a.test") == 3);
  CHECK(raw_at(routers, "gone", "c.test") == -1);
}

TEST_CASE("a name is asked for only where a route that can be reached wants one") {
  const ListenerRouters routers(routed({{.host = "", .path = "", .listener = "db"},
                                        {.host = "", .path = "", .sni = "a.test"},
                                        {.host = "", .path = ""}}));
  CHECK_FALSE(routers.connections_at("db").asks_name);
  CHECK(routers.connections_at("mail").asks_name);
  CHECK(routers.connections_at("gone").asks_name);
}
