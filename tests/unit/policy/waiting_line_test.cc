// The order of those that wait, and who is sent away, with times that the tests make up.
#include "proxy/policy/waiting_line.h"

#include <deque>
#include <string>

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

using namespace std::chrono_literals;

// Clients are letters, and each of theirs that waits has a number.
struct Line {
  explicit Line(std::size_t size) { line.set_size(size); }

  struct One : Waiting {
    std::string name;
  };
  static ClientKey key(char client) { return {static_cast<std::uint64_t>(client), 0}; }
  // "a1 b1": one after the other. What comes back says who was sent away, or - where one was refused.
  std::string add(const std::string& names) {
    std::string out;
    for (std::size_t at = 0; at < names.size(); at += 3) {
      One& one = ones.emplace_back();
      one.name = names.substr(at, 2);
      const auto entry = line.add(one, key(one.name[0]), now);
      if (!entry.admitted) out += "-";
      if (entry.sent_away) out += static_cast<One*>(entry.sent_away)->name;
    }
    return out;
  }
  One& find(const std::string& name) {
    for (One& one : ones)
      if (one.name == name) return one;
    throw std::runtime_error(name);
  }
  // Who has a turn, and has been served then.
  std::string serve(int turns = 1000) {
    std::string out;
    for (; turns > 0; --turns) {
      line.begin_round();
      Waiting* one = line.call();
      if (one == nullptr) break;
      out += (out.empty() ? "" : " ") + static_cast<One*>(one)->name;
      line.remove(*one);
    }
    return out;
  }
  std::string shed() {
    Waiting* one = line.shed(now);
    return one ? static_cast<One*>(one)->name : "";
  }
  void pass(base::Duration span) { now += span; }

  WaitingLine line;
  std::deque<One> ones;
  base::Time now{1s};
};

}  // namespace

TEST_CASE("one client's are served in the order in which they came") {
  Line line(10);
  line.add("a1 a2 a3");
  CHECK(line.line.size() == 3);
  CHECK(line.serve() == "a1 a2 a3");
  CHECK(line.line.size() == 0);
}

TEST_CASE("a client with many that wait delays another by one turn") {
  Line line(10);
  line.add("a1 a2 a3 a4 b1 b2 c1");
  CHECK(line.serve() == "a1 b1 c1 a2 b2 a3 a4");
}

TEST_CASE("who comes anew has its first turn behind one of each other's") {
  Line line(10);
  line.add("a1 a2 a3 b1 b2");
  CHECK(line.serve(1) == "a1");
  line.add("c1");
  CHECK(line.serve() == "b1 a2 c1 b2 a3");
}

TEST_CASE("a full line takes nobody, but in place of a client with two more") {
  Line line(4);
  CHECK(line.add("a1 a2 a3 a4 a5") == "-");
  CHECK(line.add("b1") == "a4");
  CHECK(line.add("b2") == "a3");
  CHECK(line.add("b3") == "-");  // both have two
  CHECK(line.add("c1") == "a2");
  CHECK(line.add("c2 d1 a6") == "-b2-");
  CHECK(line.serve() == "a1 b1 c1 d1");
  CHECK(line.add("a7") == "");
}

TEST_CASE("a line without room takes nobody at all") {
  Line line(0);
  CHECK(line.add("a1 b1") == "--");
  CHECK(line.serve() == "");
}

TEST_CASE("a line that was made shorter turns the newest away, but neither who is called nor came back") {
  Line line(10);
  line.add("a1 b1 a2 a3 b2");
  line.line.begin_round();
  Waiting* called = line.line.call();
  REQUIRE(called == &line.find("a1"));
  const auto turned_away = [&] {
    std::string out;
    while (Waiting* one = line.line.turn_away()) out += static_cast<Line::One*>(one)->name;
    return out;
  };
  line.line.set_size(5);
  CHECK(turned_away() == "");
  line.line.set_size(3);
  CHECK(turned_away() == "b2a3");
  CHECK(line.add("c1") == "-");
  Line::One& back = line.ones.emplace_back();
  back.name = "a9";
  line.line.add_back(back, line.now);
  line.line.set_size(0);
  CHECK(turned_away() == "a2b1");
  line.line.return_called(*called);
  CHECK(turned_away() == "a1");
  CHECK(line.serve() == "a9");
}

TEST_CASE("who could not use a turn has the next one, and not in the same round") {
  Line line(10);
  line.add("a1 b1 a2");
  line.line.begin_round();
  Waiting* first = line.line.call();
  REQUIRE(first == &line.find("a1"));
  line.line.return_called(*first);
  Waiting* second = line.line.call();
  REQUIRE(second == &line.find("b1"));
  line.line.return_called(*second);
  CHECK(line.line.call() == &line.find("a2"));
  CHECK(line.line.call() == nullptr);
  line.line.return_called(line.find("a2"));
  CHECK(line.line.call() == nullptr);
  CHECK(line.serve() == "a1 b1 a2");
}

TEST_CASE("turns that come back in another order are had again in the old one") {
  Line line(10);
  line.add("a1 a2 a3");
  line.line.begin_round();
  Waiting* const called[] = {line.line.call(), line.line.call()};
  line.line.return_called(*called[1]);
  line.line.return_called(*called[0]);
  CHECK(line.serve() == "a1 a2 a3");
}

TEST_CASE("what comes back from a node goes before all others, however many wait") {
  Line line(2);
  line.add("a1 b1");
  Line::One& back = line.ones.emplace_back();
  back.name = "a9";
  line.line.add_back(back, line.now);
  CHECK(line.serve() == "a9 a1 b1");
}

TEST_CASE("who leaves is not called, wherever it was") {
  Line line(10);
  line.add("a1 a2 b1 c1");
  line.line.remove(line.find("a1"));
  line.line.remove(line.find("c1"));
  line.line.begin_round();
  Waiting* called = line.line.call();
  CHECK_FALSE(line.line.nobody_else(*called));
  line.line.remove(*called);
  line.line.remove(*called);  // it may, again
  CHECK(line.serve() == "b1");
  CHECK(line.line.nobody_else(line.find("a1")));
}

TEST_CASE("where they may wait for long a burst may take some of that") {
  Line line(100);
  line.line.set_longest_wait(5s);
  line.add("a1 a2 a3 a4");
  line.pass(500ms + 1s - 1ms);
  line.add("b1");
  CHECK_FALSE(line.line.stands());
  CHECK(line.shed() == "");
  line.pass(1ms);
  line.add("b2");
  CHECK(line.line.stands());
  CHECK(line.shed() == "a1");
}

TEST_CASE("a line stands once the oldest has waited for too long for an interval") {
  Line line(100);
  line.add("a1 a2 a3 a4");
  line.pass(WaitingLine::kTarget + WaitingLine::kInterval - 1ms);
  line.add("b1");
  CHECK_FALSE(line.line.stands());
  CHECK(line.shed() == "");
  line.pass(1ms);
  line.add("b2");
  CHECK(line.line.stands());
  SECTION("then the newest of each client are served first") {
    CHECK(line.serve() == "a4 b2 a3 b1 a2 a1");
  }
  SECTION("and all are sent away that have waited for longer than an interval") {
    line.pass(WaitingLine::kTarget);
    for (const char* const one : {"a1", "a2", "a3", "a4"}) CHECK(line.shed() == one);
    CHECK(line.shed() == "");
    CHECK(line.line.stands());  // the next one has waited for longer than the target
    line.pass(WaitingLine::kInterval - WaitingLine::kTarget - 1ms);
    CHECK(line.shed() == "");
    line.pass(1ms);
    CHECK(line.shed() == "b1");
    CHECK(line.shed() == "");
    line.pass(1ms);
    CHECK(line.shed() == "b2");
    CHECK_FALSE(line.line.stands());
  }
}

TEST_CASE("a line that moves does not stand, however long it is") {
  Line line(1000);
  for (int i = 0; i < 200; ++i) {
    line.add("a1 a2");
    line.pass(5ms);
    CHECK(line.shed() == "");
    CHECK(line.serve(2) == "a1 a2");
  }
}

TEST_CASE("a line that stood moves again once the oldest has waited for a short time only") {
  Line line(100);
  line.add("a1");
  line.pass(200ms);
  line.add("a2");
  CHECK(line.line.stands());
  CHECK(line.serve() == "a2 a1");
  line.add("a3 a4");
  CHECK_FALSE(line.line.stands());
  CHECK(line.serve() == "a3 a4");
}

TEST_CASE("who has been called, or came back, is not sent away") {
  Line line(100);
  line.add("a1 b1");
  line.line.begin_round();
  Waiting* first = line.line.call();
  line.pass(200ms);
  line.add("c1");
  CHECK(line.shed() == "b1");
  line.line.return_called(*first);
  line.pass(1s);
  line.add("d1");
  CHECK(line.shed() == "c1");
  line.pass(1s);
  CHECK(line.shed() == "d1");
  line.pass(1s);
  CHECK(line.shed() == "");
  CHECK(line.serve() == "a1");
}

TEST_CASE("clients are told apart by IPv4 address and IPv6 network") {
  const auto key = [](const char* text) { return client_key(io::Ip::parse(text).value()); };
  CHECK(key("10.0.0.1") == key("10.0.0.1"));
  CHECK(key("10.0.0.1") != key("10.0.0.2"));
  CHECK(key("2001:db8:0:1::1") == key("2001:db8:0:1:ffff::2"));
  CHECK(key("2001:db8:0:1::1") != key("2001:db8:0:2::1"));
  CHECK(client_key({}) == client_key({}));
}

}  // namespace weir::policy
