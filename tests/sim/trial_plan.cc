#include "tests/sim/trial_plan.h"

#include <algorithm>
#include <chrono>

#include "tests/sim/sim_random.h"

namespace weir::sim {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;

constexpr std::string_view kHash = "consistent-hash";
constexpr std::string_view kStrategies[] = {"round-robin", "least-connections", kHash};

// Mostly small, sometimes a megabyte.
std::uint32_t draw_size(SimRandom& random) {
  const std::uint64_t kind = random.next() % 100;
  if (kind < 20) return 0;
  if (kind < 75) return static_cast<std::uint32_t>(random.between(1, 600));
  if (kind < 97) return static_cast<std::uint32_t>(random.between(600, 20'000));
  return static_cast<std::uint32_t>(random.between(20'000, 300'000));
}

base::Duration draw_span(SimRandom& random, base::Duration most) {
  return base::Duration(static_cast<base::Duration::rep>(random.between(0, most.count())));
}

class Hostile {
 public:
  explicit Hostile(std::uint64_t seed) : random_(seed ^ 0x5eed'0f'a'7'1a1ULL) {}

  TrialPlan make(std::uint64_t seed) {
    TrialPlan plan;
    plan.seed = seed;
    plan.rules = rules();
    plan.workers = static_cast<std::uint32_t>(random_.between(2, 3));
    plan.nodes = static_cast<std::uint32_t>(random_.between(2, 5));
    // Building the hash's table takes longer than all else of a seed.
    const std::uint64_t kind = random_.next() % 10;
    plan.strategy = kStrategies[kind < 5 ? 0 : kind < 9 ? 1 : 2];
    plan.attempts = static_cast<std::uint32_t>(random_.between(1, 4));
    plan.checks = random_.percent(80);
    if (random_.percent(15)) plan.connections = static_cast<std::uint32_t>(random_.between(2, 8));
    if (random_.percent(30)) plan.max_idle = static_cast<std::uint32_t>(random_.between(0, 3));
    plan.named = random_.percent(25);
    plan.request_timeout = seed % 2 == 0 ? base::Duration(8s) : base::Duration(0);
    const std::uint64_t clients = random_.between(10, 24);
    for (std::uint64_t i = 0; i < clients; ++i) plan.clients.push_back(client(static_cast<std::uint32_t>(i)));
    for (std::size_t i = 0; plan.requests() < 200; i = (i + 1) % plan.clients.size()) {
      ClientPlan& more = plan.clients[i];
      if (more.requests.empty() || !more.requests.back().upgrade) more.requests.push_back(request());
    }
    if (plan.request_timeout == 0s) spare_the_slow(plan);
    plan.traced = seed % 4 == 1;
    const std::uint64_t events = random_.between(8, 16);
    for (std::uint64_t i = 0; i < events; ++i) plan.events.push_back(event(plan.nodes));
    if (seed % 5 == 2 || seed % 5 == 3) add_hand_overs(plan);
    std::stable_sort(plan.events.begin(), plan.events.end(),
                     [](const WorldEvent& a, const WorldEvent& b) { return a.at < b.at; });
    return plan;
  }

 private:
  // Where nothing bounds a whole request, a client that sends byte by byte could take hours.
  static void spare_the_slow(TrialPlan& plan) {
    constexpr std::uint32_t kMostPieces = 1000;
    for (ClientPlan& client : plan.clients)
      for (RequestPlan& request : client.requests)
        if (client.piece > 0) request.size = std::min(request.size, client.piece * kMostPieces);
  }

  SimRules rules() {
    SimRules rules = SimRules::hostile();
    rules.max_delay = microseconds(random_.between(10, 20'000));
    rules.max_lag = microseconds(random_.between(0, 2'000));
    rules.max_mail_delay = random_.percent(20) ? base::Duration(1s) : draw_span(random_, 50ms);
    rules.max_timer_lag = draw_span(random_, 5ms);
    rules.min_buffer = random_.percent(20) ? 1 : 2'000;
    rules.split_percent = static_cast<unsigned>(random_.between(0, 50));
    rules.short_write_percent = static_cast<unsigned>(random_.between(0, 30));
    rules.preempt_percent = static_cast<unsigned>(random_.between(0, 20));
    return rules;
  }

  ClientPlan client(std::uint32_t number) {
    ClientPlan client;
    client.number = number;
    client.begins = draw_span(random_, 2s);
    client.depth = random_.percent(40) ? static_cast<std::uint32_t>(random_.between(2, 6)) : 1;
    if (random_.percent(25)) {
      client.piece = static_cast<std::uint32_t>(random_.between(1, 400));
      client.between = draw_span(random_, 3ms);
    }
    if (random_.percent(40)) {
      client.fault = static_cast<ClientFault>(random_.between(1, 7));
      client.fault_at = static_cast<std::uint32_t>(random_.between(0, 4'000));
    }
    const std::uint64_t count = random_.between(2, 22);
    for (std::uint64_t i = 0; i < count; ++i) client.requests.push_back(request());
    if (random_.percent(15)) client.requests.push_back(upgrade());
    return client;
  }

  RequestPlan request() {
    RequestPlan plan;
    const std::uint64_t kind = random_.next() % 100;
    plan.method = kind < 55 ? Method::get : kind < 62 ? Method::head : kind < 80 ? Method::put : Method::post;
    if (plan.method == Method::put || plan.method == Method::post) {
      plan.framing = random_.percent(40) ? BodyFraming::chunked : BodyFraming::counted;
      plan.size = draw_size(random_);
      plan.trailers = plan.framing == BodyFraming::chunked && random_.percent(30);
      plan.expects_continue = plan.size > 0 && random_.percent(15);
    }
    if (random_.percent(20)) plan.think = draw_span(random_, 300ms);
    plan.answers = {answer(30), answer(12)};
    return plan;
  }

  RequestPlan upgrade() {
    RequestPlan plan;
    plan.upgrade = true;
    plan.size = draw_size(random_);
    plan.answers = {answer(20), answer(10)};
    return plan;
  }

  AnswerPlan answer(unsigned fault_percent) {
    constexpr int kStatuses[] = {200, 200, 200, 201, 204, 304, 404, 500, 503};
    AnswerPlan plan;
    plan.status = kStatuses[random_.next() % std::size(kStatuses)];
    plan.framing = static_cast<BodyFraming>(random_.between(1, 3));
    if (plan.framing == BodyFraming::until_close && random_.percent(70)) plan.framing = BodyFraming::counted;
    plan.size = draw_size(random_);
    if (random_.percent(50)) plan.delay = draw_span(random_, 30ms);
    if (random_.percent(10)) plan.interim = static_cast<std::uint8_t>(random_.between(1, 3));
    plan.trailers = plan.framing == BodyFraming::chunked && random_.percent(30);
    plan.says_close = random_.percent(8);
    plan.closes_later = random_.percent(8);
    if (random_.percent(fault_percent)) {
      plan.fault = static_cast<AnswerFault>(random_.between(1, 10));
      plan.fault_at = plan.size > 0 ? static_cast<std::uint32_t>(random_.between(0, plan.size - 1)) : 0;
    }
    return plan;
  }

  WorldEvent event(std::uint32_t nodes) {
    WorldEvent event;
    event.at = draw_span(random_, 5s);
    event.fault = static_cast<WorldFault>(random_.next() % static_cast<std::size_t>(WorldFault::hand_over));
    event.node = static_cast<std::uint32_t>(random_.next() % nodes);
    const bool long_lasts =
        event.fault == WorldFault::node_drains || event.fault == WorldFault::node_falls_ill;
    event.span = draw_span(random_, event.fault == WorldFault::pause ? 400ms : long_lasts ? 8s : 2s);
    return event;
  }

  // Drawn by themselves, so that all the rest of a seed is what it would be without them. Each process builds
  // the hash's table anew.
  void add_hand_overs(TrialPlan& plan) {
    for (std::uint64_t left = plan.strategy == kHash ? 1 : random_.between(1, 3); left > 0; --left) {
      WorldEvent& event = plan.events.emplace_back();
      event.fault = WorldFault::hand_over;
      event.at = 200ms + draw_span(random_, 4800ms);
    }
  }

  SimRandom random_;
};

// Larger ones, in both directions and every framing.
void add_bodies(std::vector<RequestPlan>& requests, SimRandom& random) {
  for (std::size_t i = 0; i < requests.size(); i += 50) {
    RequestPlan& request = requests[i];
    request.method = random.percent(50) ? Method::put : Method::post;
    request.framing = random.percent(50) ? BodyFraming::chunked : BodyFraming::counted;
    request.size = static_cast<std::uint32_t>(random.between(0, 400'000));
    request.expects_continue = random.percent(20) && request.size > 0;
    for (AnswerPlan& answer : request.answers) {
      answer.framing = static_cast<BodyFraming>(random.between(1, 3));
      answer.size = static_cast<std::uint32_t>(random.between(0, 400'000));
    }
  }
}

TrialPlan calm(std::uint64_t seed) {
  constexpr std::size_t kClients = 32, kRequests = 625;
  SimRandom random(seed);
  TrialPlan plan;
  plan.seed = seed;
  plan.rules = SimRules::calm();
  plan.calm = true;
  plan.strategy = kStrategies[seed % std::size(kStrategies)];
  for (std::size_t i = 0; i < kClients; ++i) {
    ClientPlan client;
    client.number = static_cast<std::uint32_t>(i);
    client.depth = static_cast<std::uint32_t>(random.between(1, 8));
    RequestPlan request;
    request.answers[0].size = request.answers[1].size = static_cast<std::uint32_t>(random.between(0, 600));
    client.requests.assign(kRequests, request);
    if (seed % 8 == 0) add_bodies(client.requests, random);
    plan.clients.push_back(std::move(client));
  }
  return plan;
}

}  // namespace

std::size_t TrialPlan::requests() const {
  std::size_t count = 0;
  for (const ClientPlan& client : clients) count += client.requests.size();
  return count;
}

TrialPlan make_plan(std::uint64_t seed, Profile profile) {
  return profile == Profile::calm ? calm(seed) : Hostile(seed).make(seed);
}

std::string_view name_of(AnswerFault fault) {
  constexpr std::string_view kNames[] = {"none",         "closes unanswered", "resets unanswered",
                                         "silent",       "early answer",      "early answer in parts",
                                         "cut by close", "cut by reset",      "stalls",
                                         "garbage",      "garbage in body"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name_of(ClientFault fault) {
  constexpr std::string_view kNames[] = {"none",         "leaves",      "half-closes",   "stalls",
                                         "reads slowly", "reads never", "sends garbage", "breaks a body"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name_of(WorldFault fault) {
  constexpr std::string_view kNames[] = {"node dies",      "node vanishes", "node falls ill", "node refuses",
                                         "node drains",    "names change",  "swap",           "crew changes",
                                         "no descriptors", "pause",         "leap",           "wall set",
                                         "hand over"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name_of(Method method) {
  constexpr std::string_view kNames[] = {"GET", "HEAD", "PUT", "POST"};
  return kNames[static_cast<std::size_t>(method)];
}

}  // namespace weir::sim
