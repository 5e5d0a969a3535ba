// What the admin port serves: paths and their methods, names that are percent-encoded, who may ask, and what
// becomes of requests that change something. Each answer is one that docs/openapi.json describes.
#include "proxy/admin/api.h"

#include <set>

#include "tests/unit/admin/site.h"

namespace weir::admin {
namespace {

using Result = OrderReport::Result;
using namespace std::chrono_literals;

const std::string kNode = "/api/pools/app/nodes/10.0.0.1:80";

}  // namespace

TEST_CASE("every path of the program is in docs/openapi.json, and no other") {
  std::set<std::string> served, described;
  for (const Api::Served& each : Api::served())
    served.insert(base::lowered(std::string(name_of(each.method))) + " " + std::string(each.path));
  const OpenApi open_api;
  for (const auto& [path, item] : open_api.paths().items())
    for (const auto& [method, operation] : item.items())
      if (method != "parameters") described.insert(method + " " + path);
  CHECK(served == described);
}

TEST_CASE("what only looks is answered, each path as it is described") {
  Site site;
  site.host.entries = {
      {HistoryEntry::State::rolled_back, 1'764'072'000'123, "SIGHUP", "00ff", "too many errors", {}}};
  core::NodeHistory& history = site.stage.node("10.0.0.1:80").history;
  history.note_check({1'764'072'000'123, 1ms, core::CheckRecord::Outcome::failed, "connect refused"});
  history.note({1'764'072'000'123, core::NodeWord::health, "up", "down", "connect refused"});
  for (const char* path : {"/", "/healthz", "/ready", "/metrics", "/api/pools", "/api/pools/app",
                           "/api/config", "/api/connections", "/api/diff", "/api/history"}) {
    INFO(path);
    CHECK(site.get(path).status == 200);
    CHECK(site.ask("HEAD", path, "", "").status == 200);
  }
  CHECK(site.get(kNode).json()["transitions"][0]["to"] == "down");
  CHECK(site.get("/api/pools/app").json()["nodes"][0]["last_check"]["passed"] == false);
  CHECK(site.get("/api/history").json()["snapshots"][0]["state"] == "rolled_back");
}

TEST_CASE("a node that has as much as its limits allow is full, and not eligible") {
  Site site;
  core::Endpoint& node = site.stage.node("10.0.0.1:80");
  const auto told = [&] {
    const auto pool = site.get("/api/pools/app").json();
    return std::tuple(pool["nodes"][0]["eligible"] == true, pool["nodes"][0]["full"] == true,
                      pool["eligible"] == 3, pool["full"] == 1);
  };
  node.node->set_limit(1);
  CHECK(told() == std::tuple(true, false, true, false));
  auto lease = balancer::Lease::try_acquire(*node.node);
  REQUIRE(lease);
  CHECK(told() == std::tuple(false, true, false, true));
  node.node->set_operator(balancer::Operator::drain);  // it would take nothing without limits either
  CHECK(told() == std::tuple(false, false, false, false));
  node.node->set_operator(balancer::Operator::active);
  lease->release();
  CHECK(told() == std::tuple(true, false, true, false));
}

TEST_CASE("a limit that is learned is told as such") {
  Site site;
  core::Endpoint& node = site.stage.node("10.0.0.1:80");
  const auto told = [&] { return site.get("/api/pools/app/nodes/10.0.0.1:80").json()["adaptive"] == true; };
  CHECK_FALSE(told());
  node.make_learner(Stage::kWorkers).begin(*node.node);
  CHECK(told());
  node.make_learner(Stage::kWorkers).end(*node.node, 5);
  CHECK_FALSE(told());
}

TEST_CASE("an address in a path is decoded once, and is the node's in whatever form") {
  Site site;
  for (const auto& [path, address] :
       std::vector<std::pair<std::string, std::string>>{{"10.0.0.1:80", "10.0.0.1:80"},
                                                        {"10%2e0.0.1%3a80", "10.0.0.1:80"},
                                                        {"[::1]:8000", "[::1]:8000"},
                                                        {"%5B0:0::1%5d:8000", "[::1]:8000"},
                                                        {"unix:%2Frun%2Fa.sock", "unix:/run/a.sock"},
                                                        {"unix%3A%2frun%2fa.sock?x=/", "unix:/run/a.sock"}}) {
    INFO(path);
    const auto heard = site.get("/api/pools/app/nodes/" + path);
    CHECK(heard.status == 200);
    if (heard.status == 200) CHECK(heard.json()["address"] == address);
    if (heard.status == 200) CHECK(heard.json()["pool"] == "app");
  }
}

TEST_CASE("what a path names reaches the host byte for byte") {
  Site site;
  site.host.order_report.result = Result::not_found;
  for (const auto& [path, name] :
       std::vector<std::pair<std::string, std::string>>{{"a%2Fb", "a/b"},
                                                        {"a%252Fb", "a%2Fb"},
                                                        {"a%25", "a%"},
                                                        {"..%2F..", "../.."},
                                                        {"%2E%2e%2fx", "../x"},
                                                        {"a+b", "a+b"},
                                                        {"%20", " "},
                                                        {"%C3%A9", "\xc3\xa9"},
                                                        {"unix:%2Frun%2F%252e", "unix:/run/%2e"}}) {
    INFO(path);
    CHECK(site.ask("PATCH", "/api/pools/" + path + "/nodes/" + path, R"({"weight": 2})").status == 404);
    REQUIRE_FALSE(site.host.orders.empty());
    CHECK(site.host.orders.back().pool == name);
    CHECK(site.host.orders.back().address == name);
  }
}

TEST_CASE("a path that is none is not found, and one with other methods says which") {
  Site site;
  for (const char* path :
       {"/api", "/api/", "/api/pools/", "/api/pools//nodes", "/api/pools/app/", "/api/pools/app/nodes/",
        "/api/pools/app/nodes/a/b", "/api/reload/", "/api/history/1", "/api/%72eload/x", "//healthz"}) {
    INFO(path);
    CHECK(site.get(path).status == 404);
    CHECK(site.ask("POST", path, "{}").status == 404);
  }
  CHECK(site.get("/api/pools/app/nodes/unix:/run/a.sock").error().find("unix:%2Frun%2Fapp.sock") !=
        std::string::npos);
  const auto allowed = [&](const std::string& method, const std::string& path) {
    const auto heard = site.ask(method, path, "{}");
    CHECK(heard.status == 405);
    const std::size_t at = heard.head.find("\r\nAllow: ") + 9;
    return heard.head.substr(at, heard.head.find("\r\n", at) - at);
  };
  CHECK(allowed("PUT", kNode) == "GET, HEAD, PATCH, DELETE");
  CHECK(allowed("GET", "/api/pools/app/nodes") == "POST");
  CHECK(allowed("DELETE", "/api/pools/app") == "GET, HEAD");
  CHECK(allowed("GET", "/api/reload") == "POST");
  CHECK(allowed("PATCH", "/api/upgrade") == "POST");
  CHECK(allowed("POST", "/api/history") == "GET, HEAD");
  CHECK(allowed("OPTIONS", "*") == "GET, HEAD");
}

TEST_CASE("what changes something needs a JSON content type, with a body and without") {
  Site site;
  for (const auto& [method, path] :
       std::vector<std::pair<std::string, std::string>>{{"PATCH", kNode},
                                                        {"DELETE", kNode},
                                                        {"POST", "/api/pools/app/nodes"},
                                                        {"POST", "/api/reload"},
                                                        {"POST", "/api/rollback"},
                                                        {"POST", "/api/drain-self"},
                                                        {"POST", "/api/upgrade"}})
    for (const char* type : {"", "Content-Type: text/plain\r\n", "Content-Type: application/jsonx\r\n",
                             "Content-Type: application/x-www-form-urlencoded\r\n"}) {
      INFO(method << " " << path << " " << type);
      CHECK(site.ask(method, path, "", type).status == 415);
    }
  CHECK(site.host.authors.empty());
  CHECK(site.host.drained.empty());
  CHECK(site.ask("DELETE", kNode, "", "Content-Type: Application/JSON; charset=utf-8\r\n").status == 200);
}

TEST_CASE("an order reaches the host as it was asked for, and its report the client") {
  Site site;
  auto& report = site.host.order_report;
  report.changes = {{config::Change::Kind::changed, "pools.app.nodes[10.0.0.1:80].weight", "1", "3"}};
  report.written = "/etc/weir.yaml";
  auto heard = site.ask("PATCH", kNode, R"({"weight": 3, "state": "drain"})");
  CHECK(heard.status == 200);
  CHECK(heard.json() ==
        nlohmann::json::parse(R"({"result": "done", "written": "/etc/weir.yaml", "until": null,
      "changes": [{"kind": "changed", "path": "pools.app.nodes[10.0.0.1:80].weight", "from": 1, "to": 3}]})"));
  const NodeOrder& change = site.host.orders.back();
  CHECK(change.kind == NodeOrder::Kind::change);
  CHECK(change.lasting == NodeOrder::Lasting::written);
  CHECK(change.pool == "app");
  CHECK(change.address == "10.0.0.1:80");
  CHECK(change.weight == 3);
  CHECK(change.state == balancer::Operator::drain);
  CHECK_FALSE(change.time);
  CHECK(change.author == "the API from 127.0.0.1");

  report = {};
  heard = site.ask("PATCH", kNode, R"({"state": "down", "for": "1.5h"})");
  CHECK(heard.json()["written"].is_null());
  CHECK(heard.json()["until"].is_string());
  CHECK(site.host.orders.back().time == 90min);
  CHECK(site.host.orders.back().lasting == NodeOrder::Lasting::temporary);
  CHECK(site.ask("PATCH", kNode, R"({"weight": 1, "temporary": true})").json()["until"].is_null());
  CHECK(site.host.orders.back().lasting == NodeOrder::Lasting::temporary);

  site.ask("POST", "/api/pools/app/nodes",
           R"({"address": "unix:/run/b.sock", "weight": 7, "state": "drain"})");
  CHECK(site.host.orders.back().kind == NodeOrder::Kind::add);
  CHECK(site.host.orders.back().address == "unix:/run/b.sock");
  CHECK(site.host.orders.back().weight == 7);
  site.ask("DELETE", kNode);
  CHECK(site.host.orders.back().kind == NodeOrder::Kind::remove);
  CHECK(site.host.orders.back().address == "10.0.0.1:80");
}

TEST_CASE("what the host says of an order has its status") {
  Site site;
  for (const auto& [result, status] : std::vector<std::pair<Result, int>>{{Result::done, 200},
                                                                          {Result::unchanged, 200},
                                                                          {Result::not_found, 404},
                                                                          {Result::invalid, 422},
                                                                          {Result::refused, 409}}) {
    site.host.order_report = {};
    site.host.order_report.result = result;
    if (status != 200) site.host.order_report.error = "for a reason";
    const auto heard = site.ask("PATCH", kNode, R"({"weight": 2})");
    CHECK(heard.status == status);
    CHECK(heard.json()["result"] == kOrderResults[static_cast<std::size_t>(result)]);
    CHECK(heard.error() == (status == 200 ? "" : "for a reason"));
  }
}

TEST_CASE("who asks for a pool or a node that is not there hears what is") {
  Site site;
  site.host.order_report.result = Result::not_found;
  const auto error = [&](const std::string& path) {
    const auto heard = site.ask("PATCH", path, R"({"weight": 2})");
    CHECK(heard.error() == site.get(path).error());
    return heard.error();
  };
  CHECK(error("/api/pools/ap/nodes/x:1") == R"(there is no pool "ap"; did you mean app?)");
  CHECK(error("/api/pools/other/nodes/x:1") == R"(there is no pool "other"; allowed: app)");
  CHECK(error("/api/pools/app/nodes/10.0.0.2:80") ==
        R"(the pool app has no node "10.0.0.2:80"; did you mean 10.0.0.1:80?)");
  CHECK(error("/api/pools/app/nodes/example.com:443") ==
        R"(the pool app has no node "example.com:443"; it has 10.0.0.1:80, [::1]:8000, unix:/run/a.sock)");
  CHECK(site.get("/api/pools/ap").error() == R"(there is no pool "ap"; did you mean app?)");
}

TEST_CASE("reloads, rollbacks, upgrades and drains are the host's") {
  Site site;
  for (const char* path : {"/api/reload", "/api/rollback"}) {
    site.host.reload_report = {};
    CHECK(site.ask("POST", path).json()["result"] == "published");
    site.host.reload_report.result = ReloadReport::Result::refused;
    site.host.reload_report.errors = {"no"};
    CHECK(site.ask("POST", path, "{}").status == 409);
    site.host.reload_report.result = ReloadReport::Result::invalid;
    CHECK(site.ask("POST", path, " { } ").status == 422);
    CHECK(site.ask("POST", path, R"({"dry": true})").status == 400);
    CHECK(site.ask("POST", path, "[").status == 400);
  }
  CHECK(site.host.authors.size() == 6);
  CHECK(site.ask("POST", "/api/upgrade").json()["result"] == "done");
  site.host.upgraded = base::unexpected(std::string("the new one does not start"));
  CHECK(site.ask("POST", "/api/upgrade").status == 409);
  CHECK(site.ask("POST", "/api/upgrade").error() == "the new one does not start");
  CHECK(site.ask("POST", "/api/drain-self").status == 200);
  CHECK(site.ask("POST", "/api/drain-self", R"({"for": "2m"})").json()["until"].is_string());
  CHECK(site.ask("POST", "/api/drain-self", R"({"for": "25h"})").status == 422);
  CHECK(site.ask("POST", "/api/drain-self", R"({"for": 5})").error() ==
        R"(for: "5" lacks a unit; write 5s or 5ms)");
  site.host.may_leave = base::unexpected(std::string("an upgrade is under way"));
  CHECK(site.ask("POST", "/api/drain-self").status == 409);
  CHECK(site.host.drained == std::vector<base::Duration>{30s, 2min});
}

TEST_CASE("without the token only health, readiness and the page are there") {
  Site site;
  const std::string secret = "0123456789abcdef", json = "Content-Type: application/json\r\n";
  site.api.allow({*io::Address::parse("127.0.0.1:9901"), {}}, Token(secret));
  for (const char* open : {"/healthz", "/ready", "/"}) CHECK(site.get(open).status == 200);
  for (const std::string fields :
       {"", "Authorization: Bearer\r\n", "Authorization: Bearer 0123456789abcdeF\r\n",
        "Authorization: Bearer 0123456789abcde\r\n", "Authorization: Bearer 0123456789abcdef0\r\n",
        "Authorization: Basic 0123456789abcdef\r\n", "Authorization: 0123456789abcdef\r\n",
        "X-Token: 0123456789abcdef\r\n"}) {
    INFO(fields);
    for (const char* path : {"/metrics", "/api/pools", "/api/config", "/api/events", "/api/nothing"}) {
      const auto heard = site.ask("GET", path, "", fields);
      CHECK(heard.status == 401);
      CHECK(heard.has("WWW-Authenticate: Bearer"));
    }
    CHECK(site.ask("PATCH", kNode, R"({"weight": 2})", fields + json).status == 401);
    CHECK(site.ask("POST", "/", "", fields + json).status == 405);
  }
  CHECK(site.ask("GET", "/api/pools?token=" + secret, "", "").status == 401);
  CHECK(site.host.orders.empty());
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER  "}) {
    const std::string fields = std::string("Authorization: ") + scheme + secret + "\r\n";
    CHECK(site.ask("GET", "/metrics", "", fields).status == 200);
    CHECK(site.ask("PATCH", kNode, R"({"weight": 2})", fields + json).status == 200);
  }
  site.api.allow({*io::Address::parse("127.0.0.1:9901"), {}}, Token("fedcba9876543210"));
  CHECK(site.ask("GET", "/metrics", "", "Authorization: Bearer " + secret + "\r\n").status == 401);
  site.api.allow({*io::Address::parse("127.0.0.1:9901"), {}}, Token());
  CHECK(site.get("/metrics").status == 200);
}

}  // namespace weir::admin
