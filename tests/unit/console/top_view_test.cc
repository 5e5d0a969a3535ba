// What `weir top` shows, key by key.
#include "proxy/console/top_view.h"

#include "tests/unit/catch.h"
#include "tests/unit/console/statuses.h"

using namespace weir::console;

namespace {

using Lines = std::vector<std::string>;
using After = TopView::After;

const std::vector<NodeText> kNodes = {
    {.address = "b:1", .rate = 10, .p99_ms = "5", .in_flight = 1},
    {.address = "a:1", .health = "down", .reason = "GET / answered 500", .errors = 3, .eligible = false},
    {.address = "c:1", .rate = 30, .p99_ms = "1.5", .in_flight = 9},
    {.address = "d:1", .rate = 20, .errors = 1, .by_operator = "drain", .eligible = false},
};

struct Screen {
  explicit Screen(const std::vector<NodeText>& nodes = kNodes, Size size = {100, 24}) {
    view.resize(size);
    view.show({statuses({pool_json("app", nodes)}), {13, 9, 1, 2, 1, 0}});
  }
  After press(const std::string& keys) {
    After after = After::go_on;
    for (char c : keys) after = view.on_key({Key::Kind::character, c});
    return after;
  }
  After press(Key::Kind kind) { return view.on_key({kind}); }
  Lines lines() const { return view.lines(Colours::off); }
  std::string status() const { return lines()[2]; }
  std::string order() const {  // the nodes' first letters
    std::string letters;
    for (std::size_t i = 4; i < lines().size(); ++i) {
      const std::string line = lines()[i];
      letters += line[line.find(':') - 1];
    }
    return letters;
  }
  TopView view{"127.0.0.1:9901"};
};

}  // namespace

TEST_CASE("top: totals, connections, and nodes by rate") {
  const Screen screen;
  const Lines lines = screen.lines();
  REQUIRE(lines.size() == 8);
  CHECK(lines[0] == "60.0 req/s  0.0 err/s  p99 4.50ms  2 of 4 nodes eligible  127.0.0.1:9901");
  CHECK(lines[1] == "13 client connections: 9 idle, 1 reading, 2 active, 1 tunnel, 0 closing");
  CHECK(lines[2] == "by rate, 1-4 of 4  (h: help, q: quit)");
  CHECK(lines[3].starts_with("POOL  NODE     STATE"));
  CHECK(screen.order() == "cdba");
}

TEST_CASE("top: pools with limits have a line, those first where the most wait") {
  TopView view("127.0.0.1:9901");
  view.resize({100, 8});
  const std::string free = pool_json("free", kNodes);
  view.show({statuses({free, pool_json("app", kNodes, R"(,"max_in_flight":10,"queued":0)"),
                       pool_json("api", kNodes, R"(,"max_in_flight":4,"queued":7)")}),
             {}});
  const Lines lines = view.lines(Colours::off);
  REQUIRE(lines.size() == 8);
  CHECK(lines[2] == "api: 4 of 4 in flight, 7 queued; app: 4 of 10 in flight, 0 queued");
  CHECK(lines[3] == "by rate, 1-3 of 12  (h: help, q: quit)");
  CHECK(lines[4].starts_with("POOL  NODE"));
  view.show({statuses({free}), {}});
  CHECK(view.lines(Colours::off)[2] == "by rate, 1-4 of 4  (h: help, q: quit)");
}

TEST_CASE("top: each key sorts, and once more the other way round") {
  Screen screen;
  const auto order_after = [&](const std::string& keys) {
    screen.press(keys);
    return screen.order();
  };
  CHECK(order_after("r") == "abdc");
  CHECK(order_after("r") == "cdba");
  CHECK(order_after("e") == "adbc");
  CHECK(order_after("l") == "bcad");  // those without latency last, as they came
  CHECK(order_after("i") == "cbad");
  CHECK(order_after("n") == "abcd");
  CHECK(screen.status() == "by name, 1-4 of 4  (h: help, q: quit)");
  CHECK(order_after("n") == "dcba");
  CHECK(screen.status() == "by name reversed, 1-4 of 4  (h: help, q: quit)");
  CHECK(order_after("s") == "adbc");
  CHECK(order_after("x") == "adbc");
}

TEST_CASE("top: the filter takes pool, node, state and reason, in any case") {
  Screen screen;
  screen.press("/DRAIN");
  CHECK(screen.status() == "/DRAIN_");
  CHECK(screen.order() == "d");
  screen.press(Key::Kind::enter);
  CHECK(screen.status() == "by rate, with \"DRAIN\", 1-1 of 1  (h: help, q: quit)");
  screen.press(Key::Kind::escape);
  CHECK(screen.order() == "cdba");
  screen.press("/answered 5");
  CHECK(screen.order() == "a");
  for (int i = 0; i < 11; ++i) screen.press(Key::Kind::backspace);
  CHECK(screen.order() == "cdba");
  screen.press("q");  // text, while filtering
  CHECK(screen.order().empty());
  CHECK(screen.lines()[2] == "/q_");
  screen.press(Key::Kind::escape);
  CHECK(screen.order() == "cdba");
  screen.press("/zzz");
  screen.press(Key::Kind::enter);
  CHECK(screen.status() == "by rate, with \"zzz\", 0-0 of 0  (h: help, q: quit)");
}

TEST_CASE("top: at 80 columns the figures stay, and the one that is sorted by in any case") {
  const NodeText down{
      .address = "10.0.0.1:8000", .health = "down", .reason = std::string(60, 'w'), .eligible = false};
  Screen screen({down, {.address = "10.0.0.2:8000", .rate = 10}}, {80, 24});
  CHECK(screen.lines()[3] == "POOL  NODE              STATE  IN-FLIGHT  REQ/S  ERR/S  P99  SINCE  WHY");
  screen.view.resize({50, 24});
  CHECK(screen.lines()[3] == "POOL  NODE              STATE  REQ/S  WHY");
  screen.press("l");
  CHECK(screen.lines()[3] == "POOL  NODE              STATE  P99  WHY");
}

TEST_CASE("top: a key shows the whole of why") {
  const std::string reason = "GET /healthz answered 503 (3 of 3 checks failed)";
  Screen screen({{.address = "10.0.0.1:8000", .health = "down", .reason = reason, .eligible = false}},
                {80, 24});
  CHECK(screen.lines()[4].back() == '>');
  screen.press("w");
  CHECK(screen.lines()[3] == "NODE           STATE  SINCE  WHY");
  CHECK(screen.lines()[4] == "10.0.0.1:8000  down      2s  " + reason);
  screen.press("w");
  CHECK(screen.lines()[4].back() == '>');
}

TEST_CASE("top: a long list scrolls, and never past its ends") {
  std::vector<NodeText> nodes;
  for (int i = 0; i < 26; ++i)
    nodes.push_back({.address = std::string(1, static_cast<char>('a' + i)) + ":1"});
  Screen screen(nodes, {80, 10});
  CHECK(screen.order() == "abcdef");
  screen.press(Key::Kind::up);
  CHECK(screen.order() == "abcdef");
  screen.press(Key::Kind::down);
  CHECK(screen.order() == "bcdefg");
  screen.press(Key::Kind::page_down);
  CHECK(screen.order() == "hijklm");
  screen.press(Key::Kind::page_up);
  CHECK(screen.order() == "bcdefg");
  screen.press(Key::Kind::end);
  CHECK(screen.order() == "uvwxyz");
  CHECK(screen.status() == "by rate, 21-26 of 26  (h: help, q: quit)");
  screen.press(Key::Kind::page_down);
  CHECK(screen.order() == "uvwxyz");
  screen.view.resize({80, 12});
  CHECK(screen.order() == "stuvwxyz");
  screen.view.show({statuses({pool_json("app", kNodes)}), {}});
  CHECK(screen.order() == "cdba");
  screen.press(Key::Kind::home);
  CHECK(screen.order() == "cdba");
}

TEST_CASE("top: paused, it keeps what it has") {
  Screen screen;
  screen.press("p");
  CHECK(screen.status().starts_with("PAUSED  by rate"));
  screen.view.show({{}, {}});
  CHECK(screen.order() == "cdba");
  screen.press("p");
  screen.view.show({{}, {}});
  CHECK(screen.order().empty());
  CHECK(screen.lines()[0] == "0.0 req/s  0.0 err/s  p99 -  0 of 0 nodes eligible  127.0.0.1:9901");
}

TEST_CASE("top: what is wrong is said, and what was there stays until there is better") {
  Screen screen;
  screen.view.show_problem("not reachable");
  CHECK(screen.status() == "not reachable");
  CHECK(screen.order() == "cdba");
  CHECK(screen.view.lines(Colours::on)[2] == "\x1b[31mnot reachable\x1b[0m");
  screen.view.show({statuses({pool_json("app", kNodes)}), {}});
  CHECK(screen.status().starts_with("by rate"));
}

TEST_CASE("top: help, and the ways out") {
  Screen screen;
  screen.press("?");
  CHECK(screen.lines()[3].starts_with("r e l i n s"));
  screen.press("q");
  CHECK(screen.order() == "cdba");
  CHECK(screen.press("q") == After::quit);
  CHECK(screen.press(Key::Kind::interrupt) == After::quit);
  screen.press("/");
  CHECK(screen.press(Key::Kind::interrupt) == After::quit);
  CHECK(screen.press(Key::Kind::suspend) == After::suspend);
}

TEST_CASE("top: nothing is wider or higher than the screen") {
  std::vector<NodeText> nodes(kNodes);
  for (int i = 0; i < 40; ++i)
    nodes.push_back({.address = "host-" + std::to_string(i) + ".example.com:8000"});
  for (const Size size :
       {Size{40, 10}, Size{80, 24}, Size{1, 1}, Size{2, 3}, Size{20, 4}, Size{0, 0}, Size{300, 100}})
    for (const char* keys : {"", "?", "/some text that is rather long for a filter"}) {
      Screen screen(nodes, size);
      screen.press(keys);
      INFO(size.columns << "x" << size.rows << " after " << keys);
      CHECK(screen.lines().size() <= std::max<std::size_t>(size.rows, 1));
      for (const std::string& line : screen.lines())
        CHECK(line.size() < std::max<std::size_t>(size.columns, 2));
    }
}
