// An API with a host that does what a test says, and clients that ask it. Every answer is compared with
// docs/openapi.json.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/api.h"
#include "proxy/base/ascii.h"
#include "tests/unit/admin/fixture.h"
#include "tests/unit/admin/openapi.h"
#include "tests/unit/catch.h"

namespace weir::admin {

struct FakeHost final : ApiHost {
  Phase phase() const override { return Phase::ready; }
  void reload(std::string author, std::function<void(const ReloadReport&)> done) override {
    authors.push_back(std::move(author));
    done(reload_report);
  }
  void diff(std::function<void(const ReloadReport&)> done) override { done(reload_report); }
  void rollback(std::string author, std::function<void(const ReloadReport&)> done) override {
    reload(std::move(author), std::move(done));
  }
  void order(NodeOrder order, std::function<void(const OrderReport&)> done) override {
    authors.push_back(order.author);
    orders.push_back(std::move(order));
    done(order_report);
  }
  std::vector<HistoryEntry> history() const override { return entries; }
  base::Result<void, std::string> drain_self(base::Duration time) override {
    if (may_leave) drained.push_back(time);
    return may_leave;
  }
  void upgrade(std::function<void(const base::Result<void, std::string>&)> done) override { done(upgraded); }

  ReloadReport reload_report;
  OrderReport order_report;
  std::vector<HistoryEntry> entries;
  base::Result<void, std::string> upgraded, may_leave;
  std::vector<NodeOrder> orders;
  std::vector<std::string> authors;
  std::vector<base::Duration> drained;
};

struct Site {
  struct Heard {
    int status = 0;
    std::string head;
    std::string body;
    nlohmann::json json() const { return nlohmann::json::parse(body); }
    std::string error() const { return json().value("error", ""); }
    bool has(const std::string& field) const { return head.find("\r\n" + field + "\r\n") != head.npos; }
  };

  explicit Site(std::vector<std::string> nodes = {"10.0.0.1:80", "[::1]:8000", "unix:/run/a.sock"})
      : scene(stage.scene(core::one_pool(std::move(nodes)))), api(runtime, host, scene) {
    api.open({}, {*io::Address::parse("127.0.0.1:9901"), {}}, Token(token));
  }

  // `fields`: as lines of the head.
  Heard ask(const std::string& method, const std::string& path, const std::string& body = "",
            const std::string& fields = "Content-Type: application/json\r\n") {
    core::PlayedTransport client;
    client.ip = *io::Ip::parse("127.0.0.1");
    runtime.accepting->on_accept(io::TransportPtr(&client));
    runtime.read(client, method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                             fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    if (client.written.empty()) runtime.await_mail();
    runtime.deliver_mail();
    if (!client.released) runtime.read_end(client);
    return heard(method, path, client.take_written());
  }
  Heard get(const std::string& path) { return ask("GET", path, "", ""); }

  Heard heard(const std::string& method, const std::string& path, const std::string& text) {
    INFO(method << " " << path << ": " << text);
    const std::size_t end = text.find("\r\n\r\n");
    REQUIRE(end != text.npos);
    Heard made{std::stoi(text.substr(9, 3)), text.substr(0, end + 2), text.substr(end + 4)};
    for (const Api::Served& each : Api::served())
      if (match_path(each.path, path.substr(0, path.find('?'))) && name_of(each.method) == method)
        CHECK(open_api.fault(base::lowered(method), std::string(each.path), made.status, type_of(made),
                             made.body) == "");
    return made;
  }
  static std::string type_of(const Heard& heard) {
    const std::string name = "\r\nContent-Type: ";
    const std::size_t at = heard.head.find(name) + name.size();
    return heard.head.substr(at, heard.head.find("\r\n", at) - at);
  }

  std::string token;
  OpenApi open_api;
  core::StillRuntime runtime;
  Stage stage;
  FakeHost host;
  std::shared_ptr<const Scene> scene;
  Api api;
};

}  // namespace weir::admin
