// The text that Prometheus scrapes, and the table in the documentation.
#include "proxy/admin/metrics.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/unit/admin/fixture.h"
#include "tests/unit/catch.h"

namespace weir::admin {
namespace {

using namespace std::chrono_literals;
using Row = std::tuple<std::string, std::string, std::string, std::string>;

std::string type_word(MetricDefinition::Type type) {
  constexpr const char* kWords[] = {"counter", "gauge", "histogram", "summary"};
  return kWords[static_cast<std::size_t>(type)];
}

// "| `name` | type | labels | meaning |"
std::vector<Row> documented() {
  std::vector<Row> rows;
  std::ifstream file(WEIR_SOURCE_DIR "/docs/metrics.md");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `weir_")) continue;
    std::vector<std::string> cells;
    for (std::size_t at = 2; at < line.size();) {
      const std::size_t end = line.find(" |", at);
      cells.push_back(line.substr(at, end - at));
      at = end + 3;
    }
    REQUIRE(cells.size() == 4);
    rows.emplace_back(cells[0].substr(1, cells[0].size() - 2), cells[1], cells[2] == "-" ? "" : cells[2],
                      cells[3]);
  }
  return rows;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the documentation has the same table of metrics as the program") {
  std::vector<Row> programmed;
  for (const MetricDefinition& definition : metric_definitions())
    programmed.emplace_back(definition.name, type_word(definition.type), definition.labels, definition.help);
  std::vector<Row> written = documented();
  std::sort(programmed.begin(), programmed.end());
  std::sort(written.begin(), written.end());
  CHECK(programmed == written);
}

TEST_CASE("each metric has its prefix, its unit and a name of its own") {
  std::vector<std::string> names;
  for (const MetricDefinition& definition : metric_definitions()) {
    INFO(definition.name);
    CHECK(definition.name.starts_with("weir_"));
    CHECK((definition.type == MetricDefinition::Type::counter) == definition.name.ends_with("_total"));
    CHECK(definition.help.ends_with('.'));
    names.emplace_back(definition.name);
  }
  std::sort(names.begin(), names.end());
  CHECK(std::adjacent_find(names.begin(), names.end()) == names.end());
}

TEST_CASE("what workers counted is added up, under the labels of its place") {
  Stage stage;
  const auto scene = stage.scene(core::one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  core::Endpoint& node = stage.node("127.0.0.1:1");
  node.counts.of(0).answers.add(200);
  node.counts.of(1).answers.add(204);
  node.counts.of(1).answers.add(0);
  node.counts.of(1).connect_refused.add(5);
  node.counts.of(0).connections_opened.add(7);
  node.counts.of(0).connections_closed.add(4);
  observe::RouteCounts& route = *stage.nodes.route_counts("default", "app");
  route.of(0).note(3ms, 200, base::Reason::none);
  route.of(1).note(70ms, 502, base::Reason::upstream_reset);
  stage.listener->of(1).refused.add(base::Reason::no_route);
  stage.listener->of(0).received_bytes.add(1000);
  stage.listener->of(1).received_bytes.add(234);
  const std::string text = metrics_text(*scene);
  INFO(text);
  const std::string at = R"({pool="app",node="127.0.0.1:1")";
  CHECK(has_line(text, "weir_node_requests_total" + at + R"(,code="2xx"} 2)"));
  CHECK(has_line(text, "weir_node_requests_total" + at + R"(,code="none"} 1)"));
  CHECK(has_line(text, "weir_node_connect_errors_total" + at + R"(,reason="connect_refused"} 5)"));
  CHECK(has_line(text, "weir_node_connections" + at + "} 3"));
  CHECK(has_line(text, "weir_node_eligible" + at + "} 1"));
  CHECK(has_line(text, R"(weir_requests_total{route="default",pool="app",code="5xx"} 1)"));
  CHECK(
      has_line(text, R"(weir_request_failures_total{route="default",pool="app",reason="upstream_reset"} 1)"));
  CHECK(has_line(text, R"(weir_request_duration_seconds_bucket{route="default",pool="app",le="0.005"} 1)"));
  CHECK(has_line(text, R"(weir_request_duration_seconds_bucket{route="default",pool="app",le="0.1"} 2)"));
  CHECK(has_line(text, R"(weir_request_duration_seconds_bucket{route="default",pool="app",le="+Inf"} 2)"));
  CHECK(has_line(text, R"(weir_request_duration_seconds_count{route="default",pool="app"} 2)"));
  CHECK(has_line(text, R"(weir_listener_refused_requests_total{listener="web",reason="no_route"} 1)"));
  CHECK(has_line(text, R"(weir_listener_received_bytes_total{listener="web"} 1234)"));
  CHECK(has_line(text, R"(weir_log_dropped_lines_total{log="access"} 3)"));
  CHECK(has_line(text, R"(weir_config_info{hash="0123456789abcdef"} 1)"));
  CHECK(has_line(text, R"(weir_build_info{version="1.2.3"} 1)"));
}

TEST_CASE("a node's words are series of which one is 1") {
  Stage stage;
  const auto scene = stage.scene(core::one_pool({"127.0.0.1:1"}));
  const std::string at = R"({pool="app",node="127.0.0.1:1",state=)";
  balancer::Node& node = *stage.node("127.0.0.1:1").node;
  node.set_health(balancer::Health::awaited);  // to operators: not known yet
  CHECK(has_line(metrics_text(*scene), "weir_node_health_state" + at + "\"unknown\"} 1"));
  CHECK(has_line(metrics_text(*scene), R"(weir_pool_eligible_nodes{pool="app"} 0)"));
  node.set_health(balancer::Health::down);
  node.set_operator(balancer::Operator::drain);
  const std::string text = metrics_text(*scene);
  CHECK(has_line(text, "weir_node_health_state" + at + "\"unknown\"} 0"));
  CHECK(has_line(text, "weir_node_health_state" + at + "\"down\"} 1"));
  CHECK(has_line(text, "weir_node_operator_state" + at + "\"drain\"} 1"));
  CHECK(has_line(text, "weir_node_operator_state" + at + "\"active\"} 0"));
  CHECK(has_line(text, "weir_node_ejection_state" + at + "\"none\"} 1"));
}

TEST_CASE("the series of a node that left go with it") {
  Stage stage;
  const auto before = stage.scene(core::one_pool({"127.0.0.1:1", "127.0.0.1:2"}));
  const auto after = stage.scene(core::one_pool({"127.0.0.1:2"}));
  CHECK(metrics_text(*before).find("127.0.0.1:1") != std::string::npos);
  CHECK(metrics_text(*after).find("127.0.0.1:1") == std::string::npos);
  CHECK(metrics_text(*after).find("127.0.0.1:2") != std::string::npos);
}

TEST_CASE("names that need it are escaped in labels") {
  Stage stage;
  config::Config config = core::one_pool({"127.0.0.1:1"});
  config.routes[0].name = "a \"b\\\nc";
  const std::string text = metrics_text(*stage.scene(std::move(config)));
  CHECK(text.find("route=\"a \\\"b\\\\\\nc\"") != std::string::npos);
}

}  // namespace weir::admin
