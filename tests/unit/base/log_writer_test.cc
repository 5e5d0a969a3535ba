// The log's thread, before a sink that stalls, fails and is opened anew as the test says.
#include "proxy/base/log_writer.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir::base;
using namespace std::chrono_literals;

namespace {

// What became of the log, as its sink and its owner saw it. Outlives both.
struct Seen {
  std::atomic<bool> stalls{false};
  std::atomic<bool> fails{false};
  std::atomic<bool> unsayable{false};
  std::atomic<int> takes{0};
  std::atomic<int> asked{0};  // to say something of lost lines
  std::mutex mutex;
  std::string text;               // written, and where it was opened anew
  std::vector<std::string> told;  // of lost lines

  std::string content() {
    std::lock_guard lock(mutex);
    return text;
  }
  std::vector<std::string> complaints() {
    std::lock_guard lock(mutex);
    return told;
  }
};

// Lines that complaints of "N asleep" speak of, all together.
std::uint64_t lost_asleep(Seen& seen) {
  std::uint64_t lost = 0;
  for (const std::string& complaint : seen.complaints())
    if (complaint.ends_with(" asleep")) lost += std::stoull(complaint);
  return lost;
}

class ScriptedSink final : public LogSink {
 public:
  explicit ScriptedSink(Seen& seen) : seen_(seen) {}
  Taken take(std::string_view lines) override {
    ++seen_.takes;
    if (seen_.stalls) {
      std::this_thread::sleep_for(1ms);
      return {0, 0, "asleep"};
    }
    const std::size_t line = lines.find('\n') + 1;
    if (seen_.fails) return {line, 1, "broken"};
    std::lock_guard lock(seen_.mutex);
    seen_.text += lines.substr(0, line);
    return {line, 0, {}};
  }
  Result<void, std::string> reopen() override {
    if (seen_.fails) return unexpected<std::string>("broken");
    std::lock_guard lock(seen_.mutex);
    seen_.text += "[anew]";
    return {};
  }

 private:
  Seen& seen_;
};

LogWriter::Hooks hooks(Seen& seen) {
  auto on_lost = [&seen](LogWriter&, const LogWriter::Lost& lost) {
    ++seen.asked;
    if (seen.unsayable) return false;
    std::lock_guard lock(seen.mutex);
    seen.told.push_back(std::to_string(lost.lines) + " " + std::string(lost.why));
    return true;
  };
  auto on_reopened = [&seen](const Result<void, std::string>& reopened) {
    std::lock_guard lock(seen.mutex);
    seen.told.push_back(reopened ? "reopened" : "not reopened: " + reopened.error());
  };
  return {on_lost, on_reopened};
}

template <class Condition>
void wait_until(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  REQUIRE(condition());
}

// Its thread has taken something that it cannot get rid of; what is submitted now waits.
void hold_up(LogWriter& writer, Seen& seen) {
  seen.stalls = true;
  writer.submit("held\n", 1);
  wait_until([&] { return seen.takes > 0; });
}

void let_go(Seen& seen) {
  seen.stalls = false;
  wait_until([&] { return !seen.content().empty(); });
}

}  // namespace

TEST_CASE("lines come out in the order in which they went in") {
  Seen seen;
  std::string expected;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    for (int i = 0; i < 1000; ++i) {
      const std::string line = std::to_string(i) + "\n";
      expected += line;
      CHECK(writer.submit(line, 1).empty());
    }
  }
  CHECK(seen.content() == expected);
}

TEST_CASE("what was handed over before goes to the old one, what comes later to the new one") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    hold_up(writer, seen);
    writer.submit("before\n", 1);
    writer.reopen();
    writer.submit("after\n", 1);
    writer.reopen();  // it has not been done yet, so once will do
    writer.submit("later\n", 1);
    seen.stalls = false;
    wait_until([&] { return seen.content().ends_with("later\n"); });
    writer.reopen();
    wait_until([&] { return seen.content().ends_with("[anew]"); });
  }
  CHECK(seen.content() == "held\nbefore\n[anew]after\nlater\n[anew]");
  CHECK(seen.complaints() == std::vector<std::string>{"reopened", "reopened"});
}

TEST_CASE("a log that cannot be opened anew goes on as before") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    seen.fails = true;
    writer.reopen();
    wait_until([&] { return !seen.complaints().empty(); });
    seen.fails = false;
    writer.submit("line\n", 1);
  }
  CHECK(seen.content() == "line\n");
  CHECK(seen.complaints() == std::vector<std::string>{"not reopened: broken"});
}

TEST_CASE("lost lines are counted, and told of at once, then at the end") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    seen.fails = true;
    writer.submit("1\n2\n3\n", 3);
    wait_until([&] { return !seen.complaints().empty(); });
    CHECK(writer.dropped_lines() == 3);
    writer.submit("4\n", 1);
    wait_until([&] { return writer.dropped_lines() == 4; });
    CHECK(seen.complaints().size() == 1);  // soon after the first: it waits
    seen.fails = false;
    writer.submit("5\n", 1);
  }
  CHECK(seen.content() == "5\n");
  CHECK(seen.complaints() == std::vector<std::string>{"3 broken", "1 broken"});
}

TEST_CASE("lines for which there is no room are counted, and told of while it stalls") {
  Seen seen;
  std::uint64_t dropped = 0;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    hold_up(writer, seen);
    for (int i = 0; i < 100; ++i) writer.submit(std::string(40'000, 'x') + "\n", 1);
    dropped = writer.dropped_lines();
    CHECK(dropped == 100 - 64);
    wait_until([&] { return lost_asleep(seen) == dropped; });  // perhaps in several lines
    let_go(seen);
  }
  CHECK(seen.content().size() == 5 + 64 * 40'001);
  CHECK(lost_asleep(seen) == dropped);
}

TEST_CASE("a log that stalls to the end is given up, and all that it held counts as lost") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    hold_up(writer, seen);
    writer.submit("1\n2\n", 2);
  }
  CHECK(seen.content().empty());
  CHECK(seen.complaints() == std::vector<std::string>{"3 asleep"});
}

TEST_CASE("what cannot be said of lost lines now is said later") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    seen.unsayable = seen.fails = true;
    writer.submit("1\n", 1);
    wait_until([&] { return writer.dropped_lines() == 1; });
    seen.unsayable = false;
    writer.submit("2\n", 1);
    wait_until([&] { return !seen.complaints().empty(); });
  }
  CHECK(seen.complaints() == std::vector<std::string>{"2 broken"});
}

TEST_CASE("what cannot be said of lost lines is tried each second, and meanwhile the thread rests") {
  Seen seen;
  LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
  seen.unsayable = seen.fails = true;
  const auto began = std::chrono::steady_clock::now();
  writer.submit("1\n", 1);
  wait_until([&] { return seen.asked >= 3; });
  CHECK(std::chrono::steady_clock::now() - began > 1900ms);
}

TEST_CASE("a line about the log itself is no loss") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    hold_up(writer, seen);
    CHECK(writer.try_submit("of itself\n"));
    for (int i = 0; i < 63; ++i) writer.submit(std::string(40'000, 'x') + "\n", 1);
    CHECK_FALSE(writer.try_submit("no room\n"));
    CHECK(writer.dropped_lines() == 0);
    let_go(seen);
  }
  CHECK(seen.content().starts_with("held\nof itself\n"));
}

TEST_CASE("a log that can be written nowhere, and tells of that in itself, ends all the same") {
  Seen seen;
  seen.fails = true;
  {
    LogWriter::Hooks to_itself{[&seen](LogWriter& writer, const LogWriter::Lost&) {
                                 if (++seen.asked > 100) return false;  // or this test never ended
                                 return writer.try_submit("lines are lost\n");
                               },
                               [](const Result<void, std::string>&) {}};
    LogWriter writer(std::make_unique<ScriptedSink>(seen), std::move(to_itself));
    writer.submit("lost\n", 1);
  }
  CHECK(seen.asked <= 2);
}

TEST_CASE("lines go to another destination from the moment on that it is said") {
  Seen first, second;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(first), hooks(first));
    writer.submit("before\n", 1);
    writer.redirect({std::make_unique<ScriptedSink>(second), hooks(second)});
    writer.submit("after\n", 1);
    wait_until([&] { return second.content() == "after\n"; });
    writer.reopen();
    wait_until([&] { return second.content().ends_with("[anew]"); });
    writer.redirect({});
    writer.reopen();  // there is nothing to open
  }
  CHECK(first.content() == "before\n");
  CHECK(first.complaints().empty());
  CHECK(second.complaints() == std::vector<std::string>{"reopened"});
}

TEST_CASE("destinations that follow each other fast each get their own lines") {
  Seen first, second, third;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(first), hooks(first));
    writer.submit("one\n", 1);
    writer.redirect({std::make_unique<ScriptedSink>(second), hooks(second)});
    writer.submit("two\n", 1);
    writer.redirect({});
    writer.submit("nowhere\n", 1);
    writer.redirect({std::make_unique<ScriptedSink>(third), hooks(third)});
    writer.submit("three\n", 1);
    wait_until([&] { return third.content() == "three\n"; });
    CHECK(writer.dropped_lines() == 1);
  }
  CHECK(first.content() == "one\n");
  CHECK(second.content() == "two\n");
}

TEST_CASE("what a log has lost is told before another one begins, or none") {
  Seen seen;
  {
    LogWriter writer(std::make_unique<ScriptedSink>(seen), hooks(seen));
    seen.fails = true;
    writer.submit("first\n", 1);
    wait_until([&] { return seen.complaints().size() == 1; });
    writer.submit("second\n", 1);
    wait_until([&] { return writer.dropped_lines() == 2; });
    writer.redirect({});
    writer.submit("third\n", 1);
    wait_until([&] { return writer.dropped_lines() == 3; });
  }
  CHECK(seen.complaints() == std::vector<std::string>{"1 broken", "1 broken"});
}

TEST_CASE("nobody waits for a sink that stalls once lines are to go elsewhere") {
  Seen stuck, next;
  LogWriter writer(std::make_unique<ScriptedSink>(stuck), hooks(stuck));
  hold_up(writer, stuck);
  writer.redirect({std::make_unique<ScriptedSink>(next), hooks(next)});
  writer.submit("after\n", 1);
  wait_until([&] { return next.content() == "after\n"; });
  CHECK(writer.dropped_lines() == 1);
}
