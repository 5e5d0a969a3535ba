// Spans on their way to a collector: one export at a time, tries and their waits, bounds, the end.
#include "proxy/core/trace_exporter.h"

#include <chrono>
#include <optional>
#include <string>

#include "tests/unit/catch.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

config::Tracing to(const char* address) {
  config::Tracing tracing;
  tracing.collector = *io::Address::parse(address);
  tracing.service = "edge";
  return tracing;
}

std::string answer(const std::string& status, const std::string& fields = "", const std::string& body = "") {
  return "HTTP/1.1 " + status + " -\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// An exporter whose collector the test plays, one connection at a time.
struct Export {
  explicit Export(const char* address = "127.0.0.1:4318") : exporter(runtime, to(address), 1) {}

  void give(std::size_t spans) {
    observe::SpanBatch batch;
    batch.spans.resize(spans);
    batch.place = place;
    exporter.take(std::move(batch));
    expect_connection();
    runtime.deliver_mail();
  }
  void expect_connection() {
    if (!runtime.next.empty()) return;
    collectors.push_back(std::make_unique<PlayedTransport>());
    runtime.next = {collectors.back().get()};
  }
  PlayedTransport& collector() { return *collectors[tries() - 1]; }  // of the latest connection
  // The export that is under way gets this answer; what follows it, a connection of its own.
  void say(const std::string& text) {
    PlayedTransport& now = collector();
    expect_connection();
    runtime.read(now, text);
  }
  void pass(base::Duration span) {
    expect_connection();
    runtime.pass(span);
  }
  void refuse() {
    expect_connection();
    runtime.connecting->on_connect_failed({.reason = base::Reason::connect_refused, .detail = "refused"});
    runtime.end_turn();
  }
  std::size_t tries() const { return runtime.connects.size(); }
  ~Export() { runtime.end_turn(); }

  StillRuntime runtime;
  std::vector<std::unique_ptr<PlayedTransport>> collectors;
  std::shared_ptr<const void> place = std::make_shared<char>();
  TraceExporter exporter;
};

}  // namespace

TEST_CASE("a batch is posted as OTLP has it") {
  Export all;
  all.give(2);
  CHECK(all.place.use_count() == 1);  // it waits no more
  CHECK(all.runtime.connects == std::vector<std::string>{"127.0.0.1:4318"});
  all.runtime.connected();
  const std::string& asked = all.collector().written;
  CHECK(asked.starts_with("POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:4318\r\n"));
  CHECK(asked.find("\r\nContent-Type: application/json\r\n") != std::string::npos);
  CHECK(asked.find("\r\n\r\n{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\"") !=
        std::string::npos);
  CHECK(all.exporter.exported_spans() == 0);
  all.say(answer("200", "", "{}"));
  CHECK(all.exporter.exported_spans() == 2);
  CHECK(all.exporter.dropped_spans() == 0);
  CHECK(all.tries() == 1);
}

TEST_CASE("one export at a time, in order") {
  Export all;
  for (std::size_t spans : {1, 20, 300}) all.give(spans);
  CHECK(all.tries() == 1);
  for (std::uint64_t done : {1, 21, 321}) {
    all.runtime.connected();
    all.say(answer("200"));
    CHECK(all.exporter.exported_spans() == done);
  }
  CHECK(all.tries() == 3);
}

TEST_CASE("what a busy collector refuses is tried again, a few times, after longer and longer waits") {
  const std::string status = GENERATE("429", "502", "503", "504", "refused", "nonsense");
  Export all;
  all.give(5);
  for (base::Duration wait : {1s, 2s, 4s}) {
    const std::size_t before = all.tries();
    if (status == "refused") {
      all.refuse();
    } else {
      all.runtime.connected();
      all.say(status == "nonsense" ? "nonsense\r\n\r\n" : answer(status));
    }
    all.pass(wait - 20ms);
    CHECK(all.tries() == before);
    all.pass(wait / 4 + 40ms);
    CHECK(all.tries() == before + 1);
    CHECK(all.exporter.dropped_spans() == 0);
  }
  SECTION("the last one works") {
    all.runtime.connected();
    all.say(answer("200"));
    CHECK(all.exporter.exported_spans() == 5);
  }
  SECTION("the last one does not") {
    all.refuse();
    CHECK(all.exporter.dropped_spans() == 5);
    all.pass(1min);
    CHECK(all.tries() == 4);
    all.give(7);  // the next one begins anew
    CHECK(all.tries() == 5);
    all.refuse();
    all.pass(2s);
    CHECK(all.tries() == 6);
  }
}

TEST_CASE("a collector may say when to try again, within bounds") {
  const auto [said, least, most] = GENERATE(
      table<std::string, base::Duration, base::Duration>({{"7", 7s, 7500ms},
                                                          {"0", 1s, 1500ms},
                                                          {"86400", 60s, 61s},
                                                          {"99999999999999999999", 60s, 61s},
                                                          {"-5", 1s, 1500ms},
                                                          {"Wed, 21 Oct 2015 07:28:00 GMT", 1s, 1500ms}}));
  INFO(said);
  Export all;
  all.give(1);
  all.runtime.connected();
  all.say(answer("503", "Retry-After: " + said + "\r\n"));
  all.pass(least - 20ms);
  CHECK(all.tries() == 1);
  all.pass(most - least + 20ms);
  CHECK(all.tries() == 2);
}

TEST_CASE("what a collector will never take is dropped at once") {
  Export all;
  all.give(3);
  all.runtime.connected();
  all.say(answer(GENERATE("400", "404", "401", "500", "300")));
  CHECK(all.exporter.dropped_spans() == 3);
  all.pass(1min);
  CHECK(all.tries() == 1);
}

TEST_CASE("what it took in part counts in part") {
  Export all;
  all.give(10);
  all.runtime.connected();
  SECTION("a few") {
    all.say(answer("200", "", R"({"partialSuccess":{"rejectedSpans":"4","errorMessage":"old"}})"));
    CHECK(all.exporter.exported_spans() == 6);
    CHECK(all.exporter.dropped_spans() == 4);
  }
  SECTION("more than there were") {
    all.say(answer("200", "", R"({"partialSuccess":{"rejectedSpans":"18446744073709551615"}})"));
    CHECK(all.exporter.exported_spans() == 0);
    CHECK(all.exporter.dropped_spans() == 10);
  }
  SECTION("an answer without end") {
    all.say("HTTP/1.1 200 OK\r\n\r\n" + std::string(100'000, ' '));
    CHECK(all.exporter.exported_spans() == 10);
  }
}

TEST_CASE("a collector that does not answer is waited for five seconds") {
  Export all;
  all.give(1);
  const bool connected = GENERATE(true, false);
  if (connected) all.runtime.connected();
  all.pass(4900ms);
  CHECK_FALSE(all.collectors.front()->released);
  all.pass(200ms);
  CHECK(all.collectors.front()->released);
  all.pass(1500ms);
  CHECK(all.tries() == 2);
}

TEST_CASE("no more than so many batches wait") {
  Export all;
  for (std::size_t i = 0; i < 1 + TraceExporter::kMostQueued; ++i) all.give(1);
  CHECK(all.exporter.dropped_spans() == 0);
  all.give(100);
  CHECK(all.exporter.dropped_spans() == 100);
  CHECK(all.place.use_count() == 1);
  all.runtime.connected();
  all.say(answer("200"));
  all.give(1);  // there is room again
  CHECK(all.exporter.dropped_spans() == 100);
}

TEST_CASE("a collector's name is looked up for each try") {
  Export all("collector.test:4318");
  all.give(1);
  CHECK(all.runtime.lookups == std::vector<std::string>{"collector.test"});
  CHECK(all.tries() == 0);
  SECTION("its addresses take turns while they fail") {
    const std::vector<io::Ip> addresses = {*io::Ip::parse("10.0.0.1"), *io::Ip::parse("10.0.0.2")};
    for (int i = 0; i < 2; ++i) {
      all.runtime.answer_lookup(addresses);
      all.runtime.end_turn();
      all.refuse();
      all.pass(3s);
    }
    CHECK(all.runtime.connects == std::vector<std::string>{"10.0.0.1:4318", "10.0.0.2:4318"});
    CHECK(all.runtime.lookups.size() == 3);
  }
  SECTION("it has none") {
    all.runtime.answer_lookup(std::unexpected("no such name"));
    all.pass(2s);
    CHECK(all.runtime.lookups.size() == 2);
  }
  SECTION("the answer comes too late") {
    const auto late = all.runtime.answer_lookup;
    all.pass(5100ms);
    late(std::vector<io::Ip>{*io::Ip::parse("10.0.0.1")});
    all.runtime.end_turn();
    CHECK(all.tries() == 0);
    all.pass(2s);
    CHECK(all.runtime.lookups.size() == 2);
  }
  all.runtime.answer_lookup(std::vector<io::Ip>{*io::Ip::parse("10.0.0.3")});
  all.runtime.connected();
  CHECK(all.collector().written.find("\r\nHost: collector.test:4318\r\n") != std::string::npos);
  all.say(answer("200"));
  CHECK(all.exporter.exported_spans() == 1);
}

TEST_CASE("the end sends what there is, each batch once, for a second at most") {
  Export all;
  std::optional<base::Time> done;
  const auto finish = [&] {
    all.exporter.finish([&] { done = all.runtime.now(); });
    all.runtime.deliver_mail();
  };
  SECTION("there is nothing") {
    finish();
    CHECK(done);
  }
  SECTION("it works") {
    all.give(1);
    all.give(2);
    finish();
    for (int i = 0; i < 2; ++i) {
      CHECK_FALSE(done);
      all.runtime.connected();
      all.say(answer("200"));
    }
    CHECK(done);
    CHECK(all.exporter.exported_spans() == 3);
  }
  SECTION("it fails") {
    all.give(1);
    all.give(2);
    finish();
    all.refuse();
    all.refuse();
    CHECK(done);
    CHECK(all.exporter.dropped_spans() == 3);
  }
  SECTION("what waits for its next try has it now") {
    all.give(1);
    all.refuse();
    finish();
    CHECK(all.tries() == 2);
    all.runtime.connected();
    all.say(answer("200"));
    CHECK(done);
    CHECK(all.exporter.exported_spans() == 1);
  }
  SECTION("the collector takes its time") {
    all.give(1);
    all.give(2);
    all.runtime.connected();
    finish();
    all.pass(900ms);
    CHECK_FALSE(done);
    all.pass(200ms);
    CHECK(done);
    CHECK(all.exporter.dropped_spans() == 3);
  }
  finish();
}

}  // namespace weir::core
