// What one process leaves to the next, as a document: all that is written is read, and what is not
// understood is refused.
#include "proxy/server/handover.h"

#include <nlohmann/json.hpp>

#include "tests/unit/catch.h"

using namespace weir;
using namespace std::chrono_literals;
using server::Handover;

namespace {

constexpr base::Time kThen(1000h), kNow(2000h);

io::Address address(std::string_view text) {
  return *io::Address::parse(text);
}

core::KnownNode a_node() {
  core::KnownNode node;
  node.by_operator = balancer::Operator::drain;
  node.health = balancer::Health::down;
  node.ejection = balancer::Ejection::ejected;
  node.health_verdict = balancer::Verdict::soft;
  node.ejection_verdict = balancer::Verdict::soft;
  node.strikes = 3;
  node.agent = balancer::Agent::drain;
  node.agent_weight = 7;
  node.drained = 9s;
  node.learned = {.idle = 5s, .idle_age = 1min, .requests = 100, .sightings = 2, .requests_age = 2min};
  node.history.health = {1'700'000'000'000, "GET /healthz answered 503 (3 of 3 checks failed)"};
  node.history.agent = {1'700'000'000'001, "it says so"};
  node.history.last_check = core::CheckRecord{
      .wall_ms = 7, .took = 3ms, .outcome = core::CheckRecord::Outcome::failed, .text = "connect refused"};
  node.answer_times[40] = 7;
  node.answer_times[60] = 1;
  node.history.transitions.push_back(
      {.wall_ms = 5, .word = core::NodeWord::health, .from = "up", .to = "down", .reason = "why"});
  return node;
}

Handover a_handover() {
  Handover handover;
  handover.sockets = {{.wanted = address("127.0.0.1:0"), .bound = address("127.0.0.1:8080"), .count = 4},
                      {.use = server::SocketGroup::Use::admin,
                       .maker = server::SocketMaker::service_manager,
                       .wanted = address("unix:/run/weir.sock"),
                       .bound = address("unix:/run/weir.sock")}};
  handover.legacy.nodes = core::KnownNodes(kThen);
  handover.legacy.nodes.add("app", "10.0.0.1:80", a_node());
  handover.legacy.names = {{"app.test", {*io::Ip::parse("10.0.0.1"), *io::Ip::parse("::1")}}};
  handover.legacy.sticky_secret = "a secret";
  handover.leaving = 7s;
  handover.tickets.age = 1h;
  handover.tickets.keys.resize(2);
  handover.tickets.keys[1].name[15] = 0xab;
  handover.tickets.keys[1].mac[0] = 1;
  handover.tickets.keys[1].cipher[31] = 0xff;
  handover.standing["app"] = {.answers = 20, .errors = 3};
  handover.history = {{.version = {nullptr, std::make_shared<const std::string>("a: 1\n"), "0a"},
                       .told = {.state = admin::HistoryEntry::State::rolled_back,
                                .wall_ms = 5,
                                .author = "SIGHUP",
                                .hash = "0a",
                                .reason = "it did badly",
                                .changes = {{config::Change::Kind::removed, "pools.app", "{}", ""}}},
                       .confirmed = false,
                       .rejected = true}};
  handover.legacy.overrides.set(
      {"app", "10.0.0.1:80"},
      {.state = {{balancer::Operator::drain, kThen + 20min, "somebody"}}, .weight = {}});
  handover.legacy.overrides.set({"app", "10.0.0.2:80"},
                                {.state = {},
                                 .weight = {{7, base::kNever, "somebody"}},
                                 .tier = {{balancer::kBackup, base::kNever, "somebody"}},
                                 .max_in_flight = {{config::kAdaptive, base::kNever, "somebody"}},
                                 .max_connections = {{9, kThen + 20min, "somebody"}}});
  return handover;
}

nlohmann::json document() {
  return nlohmann::json::parse(text_of(a_handover()));
}

std::string error_of(const nlohmann::json& changed) {
  const auto read = server::read_handover(changed.dump(), kNow);
  return read ? "" : read.error();
}

}  // namespace

TEST_CASE("sockets and names are read as they were written") {
  const auto read = server::read_handover(text_of(a_handover()), kNow);
  REQUIRE(read);
  REQUIRE(read->sockets.size() == 2);
  CHECK(read->sockets[0].use == server::SocketGroup::Use::listener);
  CHECK(read->sockets[0].maker == server::SocketMaker::weir);
  CHECK(read->sockets[0].wanted == address("127.0.0.1:0"));
  CHECK(read->sockets[0].bound == address("127.0.0.1:8080"));
  CHECK(read->sockets[0].count == 4);
  CHECK(read->sockets[1].use == server::SocketGroup::Use::admin);
  CHECK(read->sockets[1].maker == server::SocketMaker::service_manager);
  CHECK(read->legacy.names == a_handover().legacy.names);
  CHECK(read->legacy.sticky_secret == "a secret");
}

TEST_CASE("nodes are read as they were written") {
  const auto read = server::read_handover(text_of(a_handover()), kNow);
  REQUIRE(read);
  REQUIRE(read->legacy.nodes.all().size() == 1);
  CHECK(read->legacy.nodes.now() == kNow);
  const auto& [key, node] = *read->legacy.nodes.all().begin();
  const core::KnownNode wrote = a_node();
  CHECK(key == core::KnownNodes::Key{"app", "10.0.0.1:80"});
  CHECK(node.by_operator == wrote.by_operator);
  CHECK(node.health == wrote.health);
  CHECK(node.ejection == wrote.ejection);
  CHECK(node.health_verdict == wrote.health_verdict);
  CHECK(node.agent == wrote.agent);
  CHECK(node.agent_weight == wrote.agent_weight);
  CHECK(node.drained == wrote.drained);
  CHECK(node.history.agent.reason == wrote.history.agent.reason);
  CHECK(node.ejection_verdict == wrote.ejection_verdict);
  CHECK(node.strikes == wrote.strikes);
  CHECK(node.learned == wrote.learned);
  CHECK(node.history.health.wall_ms == wrote.history.health.wall_ms);
  CHECK(node.history.health.reason == wrote.history.health.reason);
  CHECK(node.answer_times == wrote.answer_times);
  REQUIRE(node.history.last_check);
  CHECK(node.history.last_check->text == "connect refused");
  CHECK(node.history.last_check->took == 3ms);
  REQUIRE(node.history.transitions.size() == 1);
  CHECK(node.history.transitions[0].from == "up");
  CHECK(node.history.transitions[0].to == "down");
}

TEST_CASE("what operators said for the time being goes on for as long as was left") {
  const auto read = server::read_handover(text_of(a_handover()), kNow);
  REQUIRE(read);
  const auto& all = read->legacy.overrides.all();
  REQUIRE(all.size() == 2);
  const auto& drained = all.at({"app", "10.0.0.1:80"});
  REQUIRE(drained.state);
  CHECK(drained.state->value == balancer::Operator::drain);
  CHECK(drained.state->until == kNow + 20min);
  CHECK(drained.state->reason == "somebody");
  CHECK_FALSE(drained.weight);
  const auto& weighted = all.at({"app", "10.0.0.2:80"});
  REQUIRE(weighted.weight);
  CHECK(weighted.weight->value == 7);
  CHECK(weighted.weight->until == base::kNever);
  REQUIRE((weighted.tier && weighted.max_in_flight && weighted.max_connections));
  CHECK(weighted.tier->value == balancer::kBackup);
  CHECK(weighted.max_in_flight->value == config::kAdaptive);
  CHECK(weighted.max_connections->value == 9);
  CHECK(weighted.max_connections->until == kNow + 20min);
}

TEST_CASE("configurations are read as they were written, and how long clients are asked to leave") {
  const auto read = server::read_handover(text_of(a_handover()), kNow);
  REQUIRE(read);
  CHECK(read->leaving == 7s);
  CHECK(read->standing.at("app").answers == 20);
  CHECK(read->standing.at("app").errors == 3);
  CHECK(read->tickets.age == 1h);
  CHECK(read->tickets.keys == a_handover().tickets.keys);
  REQUIRE(read->history.size() == 1);
  const server::History::Past &past = read->history[0], wrote = a_handover().history[0];
  CHECK(*past.version.text == "a: 1\n");
  CHECK(past.version.hash == "0a");
  CHECK_FALSE(past.confirmed);
  CHECK(past.rejected);
  CHECK(past.told.state == wrote.told.state);
  CHECK(past.told.wall_ms == 5);
  CHECK(past.told.author == "SIGHUP");
  CHECK(past.told.hash == "0a");
  CHECK(past.told.reason == "it did badly");
  CHECK(past.told.changes == wrote.told.changes);
}

TEST_CASE("what another version adds is passed over") {
  auto changed = document();
  changed["weather"] = {1, 2};
  changed["nodes"][0]["agent"] = "maint";
  changed["nodes"][0]["history"]["transitions"][0]["to"] = "resting";
  const auto read = server::read_handover(changed.dump(), kNow);
  REQUIRE(read);
  CHECK(read->legacy.nodes.all().begin()->second.history.transitions[0].to == "resting");
}

TEST_CASE("configurations that another version tells of in its own words are passed over") {
  auto changed = document();
  const auto past = changed["history"][0];
  for (int i = 0; i < 14; ++i) changed["history"].push_back(past);
  changed["history"][3]["state"] = "superseded";
  changed["history"][5]["changes"][0]["kind"] = "moved";
  changed["history"][7].erase("text");
  changed["history"].back()["author"] = "the last one";
  auto read = server::read_handover(changed.dump(), kNow);
  REQUIRE(read);
  CHECK(read->history.size() == server::History::kMost);
  CHECK(read->history.back().told.author == "the last one");
  for (const char* key : {"history", "standing", "leaving_ns", "tickets"}) changed.erase(key);
  read = server::read_handover(changed.dump(), kNow);
  REQUIRE(read);
  CHECK(read->history.empty());
}

TEST_CASE("keys of tickets that are none are refused") {
  for (const char* name :
       {"", "00", "zz0102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f00"}) {
    auto changed = document();
    changed["tickets"]["keys"][0]["name"] = name;
    CHECK_FALSE(server::read_handover(changed.dump(), kNow));
  }
}

TEST_CASE("what cannot be understood is refused, and said why") {
  auto changed = document();
  changed["form"] = 2;
  CHECK(error_of(changed) == "the hand-over has form 2, this Weir knows 1");
  changed = document();
  changed["nodes"][0]["health"] = "poorly";
  CHECK(error_of(changed) == "the hand-over cannot be read: health is \"poorly\"");
  changed = document();
  changed["sockets"][0]["bound"] = "nowhere";
  CHECK(error_of(changed) == "the hand-over cannot be read: bound is \"nowhere\"");
  changed = document();
  changed.erase("sockets");
  CHECK_FALSE(error_of(changed).empty());
  changed = document();
  changed["nodes"][0]["learned"] = 7;
  CHECK_FALSE(error_of(changed).empty());
  CHECK(server::read_handover("[]", kNow).error() == "the hand-over is no JSON object");
  CHECK_FALSE(server::read_handover("{", kNow));
}

TEST_CASE("a reason that is no text does not stop it") {
  Handover handover = a_handover();
  auto node = a_node();
  node.history.health.reason = "said \xff";
  handover.legacy.nodes.add("app", "10.0.0.1:80", node);
  CHECK(server::read_handover(text_of(handover), kNow));
}
