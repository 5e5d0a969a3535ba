// The simulator itself: it repeats, it is as hostile as it claims, and it notices.
#include "tests/sim/trial.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "tests/sim/body_pattern.h"
#include "tests/sim/model_client.h"
#include "tests/sim/shrink.h"
#include "tests/unit/catch.h"

namespace weir::sim {

TEST_CASE("a seed gives the same course again, and another seed another") {
  const TrialResult one = run_trial(make_plan(3, Profile::hostile), TrialBook::Trace::on);
  const TrialResult again = run_trial(make_plan(3, Profile::hostile), TrialBook::Trace::on);
  const TrialResult other = run_trial(make_plan(4, Profile::hostile), TrialBook::Trace::on);
  CHECK(one.trace == again.trace);
  CHECK(one.digest == again.digest);
  CHECK(one.digest != other.digest);
}

TEST_CASE("so does one that speaks TLS on both sides, on any thread, whatever was drawn before") {
  const TrialPlan plan = make_plan(9, Profile::hostile);
  REQUIRE(plan.has_tls_clients());
  REQUIRE_FALSE(plan.tls_nodes.empty());
  const TrialResult one = run_trial(plan, TrialBook::Trace::on);
  TrialResult again;
  std::thread([&] {
    run_trial(make_plan(48, Profile::hostile));
    again = run_trial(plan, TrialBook::Trace::on);
  }).join();
  CHECK(one.good());
  CHECK(one.trace == again.trace);
  CHECK(one.digest == again.digest);
  CHECK(one.faults.at("resumed by Weir") > 0);
}

TEST_CASE("where things lie in memory makes no difference") {
  std::vector<std::unique_ptr<char[]>> in_the_way;
  for (const std::uint64_t seed : {52, 140, 187, 193, 373}) {
    const TrialPlan plan = make_plan(seed, Profile::hostile);
    const TrialResult one = run_trial(plan);
    for (std::size_t size = 16; size < 8192; size += size / 3)
      for (int i = 0; i < 7; ++i) in_the_way.push_back(std::make_unique<char[]>(size));
    CHECK(run_trial(plan).digest == one.digest);
  }
}

TEST_CASE("where everybody speaks TLS, and nothing goes wrong, every request is answered by a node") {
  TrialPlan plan = make_plan(1, Profile::calm);
  plan.clients.resize(8);
  for (ClientPlan& client : plan.clients) {
    client.requests.resize(50);
    client.tls = {.old = client.number % 2 == 0, .record = client.number * 10, .new_keys = 1'000};
    if (client.number % 3 == 0) client.h2.emplace();
  }
  plan.tls_nodes = {{.late_tickets = true}, {.h1_alone = true, .record = 100}, {.old = true}};
  plan.h2_nodes.resize(1);
  const TrialResult result = run_trial(plan);
  CHECK(result.violations == std::vector<std::string>());
  CHECK(result.answered == 400);
}

TEST_CASE("each hostile seed has what it must have") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const TrialPlan plan = make_plan(seed, Profile::hostile);
    CHECK(plan.requests() >= 200);
    CHECK(plan.clients.size() >= 10);
    CHECK(plan.workers >= 2);
    const TrialResult result = run_trial(plan);
    INFO("seed " << seed);
    CHECK(result.good());
    CHECK(result.requests == plan.requests());
    std::uint64_t faults = 0, kinds = 0;  // but for what the network does by itself
    for (const auto& [name, count] : result.faults) {
      if (std::find(kMischief.begin(), kMischief.end(), name) != kMischief.end()) continue;
      faults += count;
      ++kinds;
    }
    CHECK(faults >= 20);
    CHECK(kinds >= 5);
  }
}

TEST_CASE("a failing trial is made small, and fails by the same") {
  TrialPlan plan = make_plan(5, Profile::hostile);
  plan.calm = true;  // which it is not
  const TrialResult whole = run_trial(plan);
  REQUIRE_FALSE(whole.good());
  const TrialPlan small = shrink(plan, whole.violations.front());
  CHECK(small.requests() == 1);
  CHECK(small.events.empty());
  CHECK(small.clients[0].requests[0].size == 0);
  const TrialResult again = run_trial(small);
  REQUIRE_FALSE(again.good());
  CHECK(again.violations.front() == "on a calm day 0 of 1 requests were answered by nodes");
}

TEST_CASE("bodies of different requests do not look alike") {
  std::vector<std::string> begins;
  for (RequestId client = 0; client < 24; ++client)
    for (RequestId request = 0; request < 24; ++request)
      for (std::uint32_t attempt = 0; attempt < 2; ++attempt) {
        std::string& begin = begins.emplace_back();
        BodyPattern::append(begin, body_stream(client << 16 | request, BodyRole::answer, attempt), 0, 16);
      }
  std::sort(begins.begin(), begins.end());
  const auto pairs = std::unique(begins.begin(), begins.end());
  CHECK(std::distance(pairs, begins.end()) <= 20);  // of 1,152; chance alone makes ten
}

TEST_CASE("on a calm day every request is answered by a node") {
  const TrialResult result = run_trial(make_plan(1, Profile::calm));
  CHECK(result.good());
  CHECK(result.answered == 20'000);
  CHECK(result.faults.empty());
}

TEST_CASE("where one process takes over from another, nobody is refused or cut") {
  using namespace std::chrono_literals;
  TrialPlan plan;
  plan.seed = 1;
  plan.rules = SimRules::calm();
  plan.calm = true;
  RequestPlan request;
  request.think = 5ms;
  for (std::uint32_t i = 0; i < 8; ++i) {
    ClientPlan& client = plan.clients.emplace_back();
    client.number = i;
    client.requests.assign(400, request);
  }
  for (const base::Duration at : {200ms, 800ms, 1400ms})
    plan.events.push_back({.at = at, .fault = WorldFault::hand_over});
  const TrialResult result = run_trial(plan);
  CHECK(result.violations == std::vector<std::string>());
  CHECK(result.answered == plan.requests());
  CHECK(result.faults == decltype(result.faults){{"hand over", 3}});
}

namespace {

// A peer in Weir's place that answers one request with these bytes, and ends the connection.
class Impostor final : io::AcceptHandler {
 public:
  Impostor(SimRuntime& runtime, const io::Address& address, std::string answer)
      : runtime_(runtime), answer_(std::move(answer)), socket_(runtime.world().listen(address)) {
    listener_ = runtime.listen(socket_, *this);
  }
  ~Impostor() {
    visits_.clear();
    listener_.reset();
    runtime_.world().close(socket_);
  }

 private:
  struct Visit final : io::TransportHandler {
    Visit(io::TransportPtr accepted, std::string_view bytes) : transport(std::move(accepted)), answer(bytes) {
      transport->set_handler(*this);
    }
    void on_read(std::string_view) override {
      if (answer.empty()) return;
      transport->write(std::span(&answer, 1));
      transport->shutdown_write();
      answer = {};
    }
    void on_read_end() override {}
    void on_read_error(const base::Error&) override {}
    void on_sent(std::size_t) override {}
    void on_write_error(const base::Error&) override {}

    io::TransportPtr transport;
    std::string_view answer;
  };

  void on_accept(io::TransportPtr transport) override {
    visits_.push_back(std::make_unique<Visit>(std::move(transport), answer_));
  }

  SimRuntime& runtime_;
  const std::string answer_;
  io::ListenSocket socket_;
  std::unique_ptr<io::Listener> listener_;
  std::vector<std::unique_ptr<Visit>> visits_;
};

// What a client with one GET for five bytes says of an answer; "" if it is content.
std::string verdict(const std::string& answer, std::uint64_t whole_size = 5) {
  TrialPlan plan;
  plan.clients.resize(1);
  plan.clients[0].requests.resize(1);
  SimWorld world(1, SimRules::calm());
  SimRuntime loop(world), other(world);
  TrialBook book(world, plan, TrialBook::Trace::off);
  book.find(0)->whole_sizes = {whole_size, whole_size};
  const io::Address address = *io::Address::parse("10.0.0.1:80");
  Impostor weir(other, address, answer);
  {
    ModelClient client(loop, address, plan.clients[0], book);
    world.run_until([&] { return client.over(); }, world.now() + std::chrono::minutes(1));
  }
  return book.good() ? "" : book.violations()[0];
}

std::string body(std::size_t size, std::uint32_t attempt = 0) {
  std::string bytes;
  BodyPattern::append(bytes, body_stream(0, BodyRole::answer, attempt), 0, size);
  return bytes;
}

}  // namespace

TEST_CASE("a client notices every way in which an answer can be wrong") {
  const std::string date = "Date: Tue, 14 Nov 2023 23:13:20 GMT\r\n";  // the world's first second
  const std::string head = "HTTP/1.1 200 OK\r\n" + date + "X-Id: 0\r\nX-Try: 0\r\nContent-Length: 5\r\n\r\n";
  CHECK(verdict(head + body(5)).empty());
  CHECK(verdict(head + body(4)).empty());  // visibly cut
  CHECK(verdict("HTTP/1.1 503 No\r\n" + date + "Content-Length: 2\r\n\r\nno").empty());
  CHECK(verdict(head + body(5, 1)).ends_with("has other bytes than were sent, after 0"));
  CHECK(verdict(head + body(5), 9).ends_with("as if it were whole; it has 9"));
  CHECK(verdict(head + body(5) + head).starts_with("client 0 read what is no HTTP"));
  CHECK(verdict("HTTP/1.1 200 OK\r\nX-Id: 7\r\nX-Try: 0\r\nContent-Length: 0\r\n\r\n", 0) ==
        "request 0 got the answer to 7");
  CHECK(verdict("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") == "request 0 was answered 200 by nobody");
  CHECK(verdict("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n") == "the answer to 0 is of ");
  CHECK(verdict("HTTP/1.1 503 No\r\nDate: Tue, 14 Nov 2023 23:13:19 GMT\r\nContent-Length: 0\r\n\r\n") ==
        "the answer to 0 is of Tue, 14 Nov 2023 23:13:19 GMT");
  CHECK(verdict("HTTP/1.1 200 OK\nX-Id: 0\r\n\r\n").starts_with("client 0 read what is no HTTP"));
  CHECK(verdict("HTTP/1.1 103 Hint\r\n\r\n") == "request 0 was lost: the connection ended without an answer");
}

}  // namespace weir::sim
