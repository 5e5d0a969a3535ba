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

constexpr std::uint32_t kLeastWindow = 100;  // with less the largest body would not end within a trial

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
  explicit Hostile(std::uint64_t seed)
      : random_(seed ^ 0x5eed'0f'a'7'1a1ULL),
        retries_(seed ^ 0x5eed'0f'a'7'3'7'1e5ULL),
        sessions_(seed ^ 0x5eed'0f'5'e'5'510ULL),
        words_(seed ^ 0x5eed'0f'40'4d'5ULL),
        limits_(seed ^ 0x5eed'0f'a'1'1'3'1'7ULL),
        overloads_(seed ^ 0x5eed'0f'0'7e'10adULL),
        connections_(seed ^ 0x5eed'0f'c'0'2'2'ec'7ULL) {}

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
    if (seed % 11 == 0 || seed % 11 == 1 || seed % 11 == 6 || seed % 11 == 8) add_h2_nodes(plan);
    if (seed % 11 == 2 || seed % 11 == 7 || seed % 11 == 8) add_h2_clients(plan);
    // Handshakes take longer than all else of most seeds.
    if (seed % 26 == 3 || seed % 78 == 9) add_tls_clients(plan);
    if (seed % 78 == 9 || seed % 78 == 48) add_tls_nodes(plan);
    add_retries(plan);
    plan.panic = seed % 3 == 0 ? 30 : 0;
    plan.ejects = seed % 7 != 3;
    if (seed % 5 == 4) plan.slow_start = 1s;
    add_conduct(plan);
    if (seed % 13 < 4) add_sessions(plan);
    if (plan.checks && seed % 17 < 5) add_own_words(plan);
    if (seed % 3 == 1) add_limits(plan);
    if (connections_.percent(plan.limits() ? 50 : 10)) add_bounds_of_connections(plan);
    plan.learns_limits = plan.limits() && connections_.percent(30);
    if (seed % 6 == 5 && !plan.named) add_tiers(plan);
    if (overloads_.percent(40)) add_overloads(plan);
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

  // Likewise: nodes that fail whatever they are asked.
  void add_conduct(TrialPlan& plan) {
    for (std::uint64_t left = random_.between(1, 4); left > 0; --left) {
      WorldEvent& event = plan.events.emplace_back();
      event.fault = random_.percent(50) ? WorldFault::node_resets : WorldFault::node_is_quiet;
      event.at = draw_span(random_, 5s);
      event.node = static_cast<std::uint32_t>(random_.next() % plan.nodes);
      event.span = draw_span(random_, 2s);
    }
  }

  void add_overloads(TrialPlan& plan) {
    plan.priority = static_cast<std::uint32_t>(overloads_.between(0, 2));
    for (std::uint64_t left = overloads_.between(1, 3); left > 0; --left) {
      WorldEvent& event = plan.events.emplace_back();
      event.fault = WorldFault::overload;
      event.at = draw_span(overloads_, 5s);
      event.node = static_cast<std::uint32_t>(overloads_.next() % plan.nodes);
      event.span = draw_span(overloads_, 2s);
    }
  }

  // What goes where is told by the records, by the time of day.
  static void add_tiers(TrialPlan& plan) {
    plan.tiered = plan.traced = true;
    std::erase_if(plan.events, [](const WorldEvent& event) { return event.fault == WorldFault::wall_set; });
  }

  // Drawn from here on by themselves too.
  void add_h2_nodes(TrialPlan& plan) {
    for (int i = 0; i < 7; ++i) plan.h2_nodes.push_back(manners());
    for (ClientPlan& client : plan.clients)
      for (RequestPlan& request : client.requests)
        for (AnswerPlan& answer : request.answers) {
          if (!random_.percent(12)) continue;
          answer.fault = AnswerFault::none;
          answer.h2_fault = static_cast<H2Fault>(random_.between(1, kH2Faults - 1));
          answer.fault_at = static_cast<std::uint32_t>(random_.between(0, std::max(1U, answer.size) - 1));
        }
  }

  void add_h2_clients(TrialPlan& plan) {
    for (ClientPlan& client : plan.clients) {
      if (random_.percent(30)) continue;
      client.h2 = manners();
      client.h2->window = std::max(client.h2->window, 2'000U);
      client.h2->later_window = std::max(client.h2->later_window, 2'000U);
      client.depth = static_cast<std::uint32_t>(random_.between(1, 10));
      if (client.piece > 0) client.piece += 20;
      if (random_.percent(40))
        client.h2_fault = static_cast<H2ClientFault>(random_.between(1, kH2ClientFaults - 1));
    }
  }

  void add_tls_clients(TrialPlan& plan) {
    for (ClientPlan& client : plan.clients) {
      if (random_.percent(30)) continue;
      client.tls = tls_manners(TlsSide::client, 70);
      // A fault of TLS is enough.
      if (client.tls->fault != TlsFault::none) client.fault = ClientFault::none;
      if (client.tls->fault != TlsFault::none) client.h2_fault = H2ClientFault::none;
    }
  }

  // Its connections come by turns, each with the next of these. A check is a connection of its own, and takes
  // longer than all else that is done with it.
  void add_tls_nodes(TrialPlan& plan) {
    constexpr int kTurns = 37;
    plan.checks &= random_.percent(30);
    const unsigned versions = random_.percent(50) ? 25 : 0;
    for (int i = 0; i < kTurns; ++i) {
      TlsManners& manners = plan.tls_nodes.emplace_back(tls_manners(TlsSide::node, 25));
      manners.h1_alone = plan.h2_nodes.empty() || random_.percent(versions);
      manners.late_tickets = random_.percent(20);
    }
  }

  TlsManners tls_manners(TlsSide side, unsigned fault_percent) {
    TlsManners manners;
    manners.old = random_.percent(side == TlsSide::client ? 50 : 75);  // whose sessions go on at less cost
    manners.resumes = random_.percent(95);
    if (random_.percent(40)) manners.record = static_cast<std::uint32_t>(random_.between(40, 3'000));
    if (random_.percent(15)) manners.new_keys = static_cast<std::uint32_t>(random_.between(200, 20'000));
    manners.fault_at = static_cast<std::uint32_t>(random_.between(0, 4'000));
    if (!random_.percent(fault_percent)) return manners;
    do manners.fault = static_cast<TlsFault>(random_.between(1, kTlsFaults - 1));
    while (!has(side, manners.fault));
    // It takes long.
    if (manners.fault == TlsFault::floods_keys && random_.percent(85)) manners.fault = TlsFault::none;
    if (manners.fault == TlsFault::renegotiates) manners.old = true;
    if (manners.fault == TlsFault::floods_keys) manners.old = false;
    return manners;
  }

  // Which answers are retried, and at what price; nodes that give such answers, and clients that allow it.
  void add_retries(TrialPlan& plan) {
    if (retries_.percent(30)) plan.retried = {429, 500, 503};
    if (retries_.percent(10)) plan.retried.clear();
    if (retries_.percent(20)) plan.retry_budget = 0;
    if (retries_.percent(10)) plan.retry_budget.reset();
    if (retries_.percent(20)) plan.backoff = base::Duration(0);
    if (retries_.percent(10)) plan.backoff = 200ms;
    if (retries_.percent(30))
      plan.hedge_after = 1ms + draw_span(retries_, 80ms);
    else if (retries_.percent(15))
      plan.hedge_percentile = static_cast<std::uint32_t>(retries_.between(50, 99));
    for (ClientPlan& client : plan.clients)
      for (RequestPlan& request : client.requests) {
        request.keyed = request.method == Method::post && retries_.percent(40);
        for (AnswerPlan& answer : request.answers) be_busy(answer);
      }
  }

  void be_busy(AnswerPlan& answer) {
    constexpr int kStatuses[] = {429, 502, 503, 504};
    if (!retries_.percent(15)) return;
    answer.status = kStatuses[retries_.next() % std::size(kStatuses)];
    if (retries_.percent(40)) answer.retry_after = static_cast<std::uint8_t>(retries_.between(0, 2));
  }

  // Nodes that say something of themselves.
  void add_own_words(TrialPlan& plan) {
    for (std::uint64_t left = words_.between(1, 4); left > 0; --left) {
      WorldEvent& event = plan.events.emplace_back();
      event.fault = WorldFault::node_says_so;
      event.at = draw_span(words_, 5s);
      event.node = static_cast<std::uint32_t>(words_.next() % plan.nodes);
      event.span = draw_span(words_, 8s);
      event.word = static_cast<OwnWord>(words_.between(1, 3));
    }
  }

  // Clients that keep the cookies that they get, and some that make their own.
  void add_sessions(TrialPlan& plan) {
    plan.sticky = true;
    if (sessions_.percent(50)) plan.drain_timeout = 500ms + draw_span(sessions_, 3s);
    for (ClientPlan& client : plan.clients) {
      const std::uint64_t kind = sessions_.next() % 10;
      client.cookies = kind < 2   ? ClientCookies::none
                       : kind < 9 ? ClientCookies::kept
                                  : ClientCookies::forged;
    }
  }

  // So low that most requests wait.
  void add_limits(TrialPlan& plan) {
    if (limits_.percent(60)) plan.max_in_flight = static_cast<std::uint32_t>(limits_.between(1, 6));
    if (plan.max_in_flight == 0 || limits_.percent(40))
      plan.node_max_in_flight = static_cast<std::uint32_t>(limits_.between(1, 3));
    if (limits_.percent(40)) plan.queue_size = static_cast<std::uint32_t>(limits_.between(0, 8));
    if (limits_.percent(30)) plan.queue_timeout = 10ms + draw_span(limits_, 500ms);
  }

  // Fewer than there are workers, now and then.
  void add_bounds_of_connections(TrialPlan& plan) {
    if (connections_.percent(50))
      plan.max_connections = static_cast<std::uint32_t>(connections_.between(1, 8));
    if (plan.max_connections == 0 || connections_.percent(40))
      plan.node_max_connections = static_cast<std::uint32_t>(connections_.between(1, 4));
  }

  H2Manners manners() {
    H2Manners manners;
    if (random_.percent(50)) manners.streams = static_cast<std::uint32_t>(random_.between(1, 6));
    if (random_.percent(40)) manners.window = static_cast<std::uint32_t>(random_.between(1, 20'000));
    if (random_.percent(40)) {
      manners.changes_after = static_cast<std::uint32_t>(random_.between(2, 12));
      manners.later_streams = static_cast<std::uint32_t>(random_.between(0, 8));
      manners.later_window = static_cast<std::uint32_t>(random_.between(1, 65'535));
    }
    manners.window = std::max(manners.window, kLeastWindow);
    manners.later_window = std::max(manners.later_window, kLeastWindow);
    if (random_.percent(15)) manners.settings_after = draw_span(random_, 400ms);
    if (random_.percent(40)) manners.grants_after = draw_span(random_, 30ms);
    manners.takes_tunnels = random_.percent(85);
    return manners;
  }

  SimRandom random_;
  // Apart from the others, whose draws would change.
  SimRandom retries_, sessions_, words_, limits_, overloads_, connections_;
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

bool TrialPlan::has_tls_clients() const {
  return std::any_of(clients.begin(), clients.end(),
                     [](const ClientPlan& client) { return client.tls.has_value(); });
}

std::uint32_t TrialPlan::deepest_h2() const {
  std::uint32_t deepest = 1;
  for (const ClientPlan& client : clients)
    if (client.h2)
      deepest = std::max(deepest, client.h2_fault == H2ClientFault::floods_resets ? 128U : client.depth);
  return deepest;
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

std::string_view name_of(H2Fault fault) {
  constexpr std::string_view kNames[] = {
      "none",          "refuses a stream", "goes away",           "goes away after", "resets a stream",
      "cuts a stream", "breaks a stream",  "breaks a connection", "goes mute"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name_of(ClientFault fault) {
  constexpr std::string_view kNames[] = {"none",         "leaves",      "half-closes",   "stalls",
                                         "reads slowly", "reads never", "sends garbage", "breaks a body"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name_of(H2ClientFault fault) {
  constexpr std::string_view kNames[] = {"none",
                                         "resets streams",
                                         "client goes away",
                                         "never grants",
                                         "breaks requests",
                                         "floods pings",
                                         "floods settings",
                                         "floods windows",
                                         "floods empty frames",
                                         "floods continuations",
                                         "floods headers",
                                         "floods resets",
                                         "floods provocations"};
  return kNames[static_cast<std::size_t>(fault)];
}

bool has(TlsSide side, TlsFault fault) {
  switch (fault) {
    case TlsFault::none:
      return false;
    case TlsFault::clear_http:
    case TlsFault::renegotiates:
    case TlsFault::says_goodbye:
      return side == TlsSide::client;
    case TlsFault::strange:
    case TlsFault::goodbye_alone:
      return side == TlsSide::node;
    default:
      return true;
  }
}

std::string_view name_of(TlsSide side, TlsFault fault) {
  constexpr std::string_view kOfClients[] = {"none",
                                             "TLS client stops",
                                             "TLS client is none",
                                             "TLS client flips a bit",
                                             "TLS client ends",
                                             "TLS client resets",
                                             "HTTP without TLS",
                                             "",
                                             "TLS client breaks a record",
                                             "TLS client floods keys",
                                             "TLS client renegotiates",
                                             "TLS client says goodbye",
                                             "TLS client without a goodbye",
                                             ""};
  constexpr std::string_view kOfNodes[] = {"none",
                                           "TLS node stops",
                                           "TLS node is none",
                                           "TLS node flips a bit",
                                           "TLS node ends",
                                           "TLS node resets",
                                           "",
                                           "TLS node is a stranger",
                                           "TLS node breaks a record",
                                           "TLS node floods keys",
                                           "",
                                           "",
                                           "TLS node without a goodbye",
                                           "TLS node with a goodbye alone"};
  return (side == TlsSide::client ? kOfClients : kOfNodes)[static_cast<std::size_t>(fault)];
}

std::string_view name_of(WorldFault fault) {
  constexpr std::string_view kNames[] = {
      "node dies", "node vanishes", "node falls ill", "node refuses", "node drains", "names change",
      "swap",      "crew changes",  "no descriptors", "pause",        "leap",        "wall set",
      "hand over", "node resets",   "node is quiet",  "node says so", "overload"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name_of(Method method) {
  constexpr std::string_view kNames[] = {"GET", "HEAD", "PUT", "POST"};
  return kNames[static_cast<std::size_t>(method)];
}

}  // namespace weir::sim
