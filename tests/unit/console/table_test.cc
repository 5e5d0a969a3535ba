// Columns, widths, and what `weir nodes` prints of pools.
#include "proxy/console/table.h"

#include "proxy/console/nodes_view.h"
#include "tests/unit/catch.h"
#include "tests/unit/console/statuses.h"

using namespace weir::console;

namespace {

using Lines = std::vector<std::string>;
using weir::io::Address;

constexpr Size kWide{200, 50};

Table table() {
  Table made(
      {{"NAME", Column::Align::left, 2}, {"N", Column::Align::right, 1}, {"WHY", Column::Align::left, 0, 4}});
  made.add({{"a"}, {"1"}, {""}});
  made.add({{"longer"}, {"1234"}, {"because of it"}});
  return made;
}

NodesView view(const std::vector<std::string>& pools,
               NodesView::Medium medium = NodesView::Medium::terminal) {
  NodesView made(*Address::parse("127.0.0.1:9901"), NodesOptions::Format::table, medium);
  CHECK_FALSE(made.show({{{200, pools_json(pools)}}, ""}));
  return made;
}

}  // namespace

TEST_CASE("columns are aligned, and no line ends in blanks") {
  CHECK(table().lines(kNoLimit, Colours::off) ==
        Lines{"NAME       N  WHY", "a          1", "longer  1234  because of it"});
}

TEST_CASE("what does not fit goes column by column, then is cut") {
  CHECK(table().lines(27, Colours::off)[2] == "longer  1234  because of it");
  CHECK(table().lines(26, Colours::off)[2] == "longer  1234  because of >");
  CHECK(table().lines(18, Colours::off)[2] == "longer  1234  bec>");
  CHECK(table().lines(17, Colours::off)[2] == "1234  because of>");
  CHECK(table().lines(9, Colours::off)[2] == "because >");
  for (std::size_t width = 0; width < 40; ++width)
    for (const std::string& line : table().lines(width, Colours::off)) CHECK(line.size() <= width);
}

TEST_CASE("a part of the rows keeps the columns of all") {
  CHECK(table().lines(kNoLimit, Colours::off, 0, 1) == Lines{"NAME       N  WHY", "a          1"});
  CHECK(table().lines(kNoLimit, Colours::off, 1).size() == 2);
  CHECK(table().lines(kNoLimit, Colours::off, 7).size() == 1);
}

TEST_CASE("colours stand around the text, and take no room") {
  Table made({{"A"}, {"B"}});
  made.add({{"x", Tone::bad}, {"y"}});
  CHECK(made.lines(kNoLimit, Colours::on)[1] == "\x1b[31mx\x1b[0m  y");
  CHECK(made.lines(1, Colours::on)[1] == "\x1b[31mx\x1b[0m");
}

TEST_CASE("weir nodes: a row a node, a line a pool") {
  const auto lines =
      view({pool_json("app", {{.address = "10.0.0.1:8000", .rate = 60.25, .p99_ms = "4.5", .in_flight = 2},
                              {.address = "10.0.0.20:8000",
                               .health = "down",
                               .reason = "GET /healthz answered 503",
                               .eligible = false}}),
            pool_json("empty", {})})
          .lines(kWide, Colours::off);
  CHECK(lines ==
        Lines{
            "POOL  NODE               STATE  WEIGHT  IN-FLIGHT  REQ/S  ERR/S     P50     P99  SINCE  WHY",
            "app   10.0.0.1:8000   +  up          1          2   60.2    0.0  4.50ms  4.50ms     2s",
            "app   10.0.0.20:8000  -  down        1          0    0.0    0.0       -       -     2s  "
            "GET /healthz answered 503",
            "",
            "app: 1 of 2 nodes eligible, 60.2 req/s, 0.0 err/s, 4 in flight, p99 4.50ms; round-robin, "
            "checked by GET /healthz every 2s",
            "empty: 0 of 0 nodes eligible, 0.0 req/s, 0.0 err/s, 4 in flight, p99 4.50ms; round-robin, "
            "checked by GET /healthz every 2s",
        });
}

TEST_CASE("weir nodes: tiers are a column where there are several") {
  const auto lines = [](const std::string& first, const std::string& second) {
    return view({pool_json("app", {{.address = "10.0.0.1:8000", .more = first},
                                   {.address = "10.0.0.2:8000", .more = second}})})
        .lines(kWide, Colours::off);
  };
  const std::string primary = R"(,"priority":0,"backup":false)", other = R"(,"priority":2,"backup":false)",
                    backup = R"(,"priority":null,"backup":true)";
  CHECK(lines(primary, primary)[0].find("TIER") == std::string::npos);
  const auto two = lines(primary, other);
  CHECK(two[0].starts_with("POOL  NODE              STATE  TIER  WEIGHT"));
  CHECK(two[1].starts_with("app   10.0.0.1:8000  +  up        0       1"));
  CHECK(two[2].starts_with("app   10.0.0.2:8000  +  up        2       1"));
  CHECK(lines(primary, backup)[2].starts_with("app   10.0.0.2:8000  +  up     backup       1"));
}

TEST_CASE("weir nodes: what a node has stands beside what it may have") {
  const std::string few = R"(,"max_in_flight":5,"max_connections":null,"connections":{"open":1})",
                    learned = R"(,"max_in_flight":17,"adaptive":true)",
                    connections = R"(,"max_connections":8,"connections":{"open":3})";
  const auto lines = [](const std::vector<std::string>& more) {
    std::vector<NodeText> nodes;
    for (const std::string& each : more)
      nodes.push_back({.address = "10.0.0.1:8000", .in_flight = 2, .more = each});
    return view({pool_json("app", nodes)}).lines(kWide, Colours::off);
  };
  const auto in_flight = lines({few, learned, ""});
  CHECK(in_flight[0].find("IN-FLIGHT  REQ/S") != std::string::npos);
  CHECK(in_flight[1].starts_with("app   10.0.0.1:8000  +  up          1        2/5"));
  CHECK(in_flight[2].starts_with("app   10.0.0.1:8000  +  up          1      2/~17"));
  CHECK(in_flight[3].starts_with("app   10.0.0.1:8000  +  up          1          2"));
  const auto both = lines({connections, few});
  CHECK(both[0].starts_with("POOL  NODE              STATE  WEIGHT  IN-FLIGHT  CONNS  REQ/S"));
  CHECK(both[1].starts_with("app   10.0.0.1:8000  +  up          1          2    3/8    0.0"));
  CHECK(both[2].starts_with("app   10.0.0.1:8000  +  up          1        2/5      1    0.0"));
  CHECK(lines({connections + R"(,"priority":2)"})[0].starts_with(
      "POOL  NODE              STATE  TIER  WEIGHT  IN-FLIGHT  CONNS  REQ/S"));
}

TEST_CASE("weir nodes: a node that is full says so, and by which limit") {
  const auto row = [](const std::string& more) {
    return view({pool_json("app",
                           {{.address = "10.0.0.1:8000", .in_flight = 5, .eligible = false, .more = more}},
                           R"(,"full":1)")})
        .lines(kWide, Colours::off);
  };
  const auto full = row(R"(,"full":true,"max_in_flight":5,"max_connections":9)");
  CHECK(full[1].starts_with("app   10.0.0.1:8000  -  full "));
  CHECK(full[1].ends_with("  -  max_in_flight is reached"));
  CHECK(full[3].starts_with("app: 0 of 1 nodes eligible, 1 full, "));
  CHECK(row(R"(,"full":true,"max_in_flight":9,"max_connections":3)")[1].ends_with(
      "max_connections is reached"));
  CHECK(row(R"(,"full":true,"max_connections":3)")[1].ends_with("max_connections is reached"));
}

TEST_CASE("weir nodes: a pool says what its limits are, and how many wait for them") {
  const auto line = [](const NodeText& node, const std::string& more) {
    return view({pool_json("app", {node}, more)}).lines(kWide, Colours::off).back();
  };
  const NodeText node{.address = "a:1", .more = R"(,"connections":{"open":3})"};
  CHECK(line(node, R"(,"max_in_flight":10,"max_connections":8,"queued":5)")
            .find(", 4 of 10 in flight, 3 of 8 connections, 5 queued, p99") != std::string::npos);
  CHECK(line({.address = "a:1", .more = R"(,"max_in_flight":5)"}, R"(,"queued":0)")
            .find(", 4 in flight, 0 queued, p99") != std::string::npos);
  CHECK(line(node, R"(,"max_in_flight":null,"queued":0)").find(", 4 in flight, p99") != std::string::npos);
}

TEST_CASE("weir nodes fits its terminal, and gives a pipe whole lines") {
  const std::string pool =
      pool_json("app", {{.address = "10.0.0.1:8000", .reason = std::string(300, 'w'), .eligible = false}});
  for (std::size_t width : {2, 10, 40, 80, 132})
    for (const std::string& line : view({pool}).lines({width, 24}, Colours::off)) CHECK(line.size() <= width);
  const auto at_80 = view({pool}).lines({80, 24}, Colours::off);
  CHECK(at_80[0] == "POOL  NODE              STATE  REQ/S  WHY");
  CHECK(at_80[1].ends_with(std::string(38, 'w') + ">"));
  CHECK(view({pool}, NodesView::Medium::pipe).lines({40, 24}, Colours::off)[1].size() > 300);
}

TEST_CASE("weir nodes: nothing is to be explained of a node that is well, so its figures have the room") {
  const std::string pool =
      pool_json("app", {{.address = "10.0.0.1:8000", .reason = "GET /healthz answered 200"}});
  const auto at_80 = view({pool}).lines({80, 24}, Colours::off);
  CHECK(at_80[0] == "POOL  NODE              STATE  IN-FLIGHT  REQ/S  ERR/S  P50  P99  SINCE  WHY");
  CHECK(at_80[1] == "app   10.0.0.1:8000  +  up             0    0.0    0.0    -    -     2s");
}

TEST_CASE("weir nodes: nodes of several pools keep their pools' names, however narrow it is") {
  const NodeText node{
      .address = "10.0.0.1:8000", .health = "down", .reason = std::string(60, 'w'), .eligible = false};
  const auto at_40 =
      view({pool_json("app", {node}), pool_json("other", {node})}).lines({40, 24}, Colours::off);
  CHECK(at_40[1].starts_with("app    10.0.0.1:8000"));
  CHECK(at_40[2].starts_with("other  10.0.0.1:8000"));
}

TEST_CASE("weir nodes: a node that fails for another reason than it went down for has both") {
  NodeText node{.address = "10.0.0.1:80",
                .health = "down",
                .reason = "connect refused (3 of 3 checks failed)",
                .eligible = false,
                .failed_check = "connect refused"};
  CHECK(statuses({pool_json("app", {node})})[0].nodes[0].why() == node.reason);
  node.failed_check = "GET / answered 503";
  CHECK(statuses({pool_json("app", {node})})[0].nodes[0].why() ==
        "GET / answered 503; at first: " + node.reason);
  node.failed_check = "";
  CHECK(statuses({pool_json("app", {node})})[0].nodes[0].why() == node.reason);
}

TEST_CASE("weir nodes --watch shows pools and failed nodes first where the screen does not take all") {
  std::vector<NodeText> nodes(30, {.address = "10.0.0.1:80"});
  nodes.push_back(
      {.address = "10.0.0.2:80", .health = "down", .reason = "connect refused", .eligible = false});
  const auto screen = view({pool_json("well", {}), pool_json("app", nodes)}).screen({100, 10}, Colours::off);
  REQUIRE(screen.size() == 10);
  CHECK(screen[0].starts_with("app: 30 of 31 nodes eligible"));
  CHECK(screen[1].starts_with("well: 0 of 0"));
  CHECK(screen[4].starts_with("app   10.0.0.2:80  -  down"));
  CHECK(screen[4].ends_with("connect refused"));
  CHECK(screen.back() == "... 26 more lines; weir top scrolls");
}

TEST_CASE("weir nodes --watch fills no more than the screen, and says what is wrong above the last table") {
  std::vector<NodeText> nodes(30);
  for (NodeText& node : nodes) node.address = "10.0.0.1:80";
  NodesView many = view({pool_json("app", nodes)});
  const auto screen = many.screen({80, 10}, Colours::off);
  REQUIRE(screen.size() == 10);
  CHECK(screen.back() == "... 24 more lines; weir top scrolls");
  const auto problem = many.show({{}, "Connection refused"});
  REQUIRE(problem);
  CHECK(problem->exit_code == kNotReachable);
  const auto after = many.screen({160, 10}, Colours::off);
  CHECK(after.size() == 10);
  CHECK(after[0] ==
        "127.0.0.1:9901 is not reachable: Connection refused; is Weir running there? --admin ADDRESS or "
        "--config "
        "FILE say where");
  CHECK(after[1].starts_with("app: "));
  CHECK(after[4].starts_with("app "));
}

TEST_CASE("answers that are errors are refused with what they say") {
  NodesView any = view({});
  const auto problem = [&](int status, const std::string& body) {
    const auto found = any.show({{{status, body}}, ""});
    REQUIRE(found);
    return std::pair(found->exit_code, found->text);
  };
  CHECK(problem(404, R"({"error":"there is no pool \"x\""})") ==
        std::pair(
            kRefused,
            std::string("127.0.0.1:9901 answered 404: there is no pool \"x\"; weir nodes shows all pools")));
  CHECK(problem(503, "busy") == std::pair(kRefused, std::string("127.0.0.1:9901 answered 503")));
  CHECK(problem(200, "<html>").first == kNotReachable);
}
