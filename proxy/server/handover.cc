#include "proxy/server/handover.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/ascii.h"

namespace weir::server {
namespace {

using core::KnownNode;
using core::NodeHistory;
using core::NodeWord;
using Json = nlohmann::json;

constexpr std::uint64_t kMostAnswerTimes = 100;  // of a node; their shape is what counts

constexpr std::array<std::string_view, 3> kUses = {"any", "listener", "admin"};
constexpr std::array<std::string_view, 2> kMakers = {"weir", "service_manager"};
constexpr std::array<std::string_view, 3> kOperators = {"active", "drain", "down"};
constexpr std::array<std::string_view, 4> kHealths = {"unknown", "up", "down", "awaited"};
constexpr std::array<std::string_view, 3> kEjections = {"none", "probation", "ejected"};
constexpr std::array<std::string_view, 2> kVerdicts = {"soft", "hard"};
constexpr std::array<std::string_view, 3> kChanges = {"added", "removed", "changed"};
constexpr std::array<std::string_view, 3> kAgents = {"up", "drain", "maint"};
constexpr std::array<std::string_view, 8> kWords = {"operator", "health", "ejection",      "weight",
                                                    "agent",    "tier",   "max_in_flight", "max_connections"};

// ---- words: enumerators by their places ----

template <std::size_t Size, class Enum>
std::string word(const std::array<std::string_view, Size>& words, Enum value) {
  return std::string(words[static_cast<std::size_t>(value)]);
}

template <class Enum, std::size_t Size>
Enum value_of(const std::array<std::string_view, Size>& words, const Json& object, const char* key) {
  const auto& text = object.at(key).get_ref<const std::string&>();
  const auto found = std::find(words.begin(), words.end(), text);
  if (found == words.end()) throw std::invalid_argument(fmt::format("{} is \"{}\"", key, text));
  return static_cast<Enum>(found - words.begin());
}

io::Address address_of(const Json& object, const char* key) {
  const auto& text = object.at(key).get_ref<const std::string&>();
  const auto address = io::Address::parse(text);
  if (!address) throw std::invalid_argument(fmt::format("{} is \"{}\"", key, text));
  return *address;
}

base::Duration duration_of(const Json& object, const char* key) {
  return base::Duration(object.value(key, std::int64_t{0}));
}

// ---- sockets ----

Json json_of(const Handover::Sockets& sockets) {
  return {{"use", word(kUses, sockets.use)},
          {"maker", word(kMakers, sockets.maker)},
          {"wanted", sockets.wanted.text()},
          {"bound", sockets.bound.text()},
          {"count", sockets.count}};
}

Handover::Sockets sockets_of(const Json& object) {
  return {.use = value_of<SocketGroup::Use>(kUses, object, "use"),
          .maker = value_of<SocketMaker>(kMakers, object, "maker"),
          .wanted = address_of(object, "wanted"),
          .bound = address_of(object, "bound"),
          .count = object.at("count").get<std::size_t>()};
}

// ---- nodes ----

Json json_of(const NodeHistory::Since& since) {
  return {{"ms", since.wall_ms}, {"reason", since.reason}};
}

NodeHistory::Since since_of(const Json& object) {
  return {object.value("ms", std::int64_t{0}), object.value("reason", "")};
}

Json json_of(const core::CheckRecord& check) {
  return {{"ms", check.wall_ms},
          {"took_ns", check.took.count()},
          {"passed", check.outcome == core::CheckRecord::Outcome::passed},
          {"text", check.text}};
}

core::CheckRecord check_of(const Json& object) {
  using Outcome = core::CheckRecord::Outcome;
  return {.wall_ms = object.value("ms", std::int64_t{0}),
          .took = duration_of(object, "took_ns"),
          .outcome = object.value("passed", false) ? Outcome::passed : Outcome::failed,
          .text = object.value("text", "")};
}

Json json_of(const NodeHistory::View& history) {
  Json object = {{"operator", json_of(history.by_operator)}, {"health", json_of(history.health)},
                 {"ejection", json_of(history.ejection)},    {"weight", json_of(history.weight)},
                 {"agent", json_of(history.agent)},          {"transitions", Json::array()}};
  if (history.last_check) object["last_check"] = json_of(*history.last_check);
  for (const core::NodeTransition& transition : history.transitions)
    object["transitions"].push_back({{"ms", transition.wall_ms},
                                     {"word", word(kWords, transition.word)},
                                     {"from", transition.from},
                                     {"to", transition.to},
                                     {"reason", transition.reason}});
  return object;
}

NodeHistory::View history_of(const Json& object) {
  NodeHistory::View history;
  history.by_operator = since_of(object.at("operator"));
  history.health = since_of(object.at("health"));
  history.ejection = since_of(object.at("ejection"));
  history.weight = since_of(object.value("weight", Json::object()));
  history.agent = since_of(object.value("agent", Json::object()));
  if (object.contains("last_check")) history.last_check = check_of(object.at("last_check"));
  for (const Json& each : object.at("transitions"))
    history.transitions.push_back({.wall_ms = each.value("ms", std::int64_t{0}),
                                   .word = value_of<NodeWord>(kWords, each, "word"),
                                   .from = each.value("from", ""),
                                   .to = each.value("to", ""),
                                   .reason = each.value("reason", "")});
  if (history.transitions.size() > NodeHistory::kTransitions)
    throw std::invalid_argument("too many transitions");
  return history;
}

Json json_of(const core::LearnedLimits::Known& learned) {
  return {{"idle_ns", learned.idle.count()},
          {"idle_age_ns", learned.idle_age.count()},
          {"requests", learned.requests},
          {"sightings", learned.sightings},
          {"requests_age_ns", learned.requests_age.count()}};
}

core::LearnedLimits::Known learned_of(const Json& object) {
  return {.idle = duration_of(object, "idle_ns"),
          .idle_age = duration_of(object, "idle_age_ns"),
          .requests = object.value("requests", std::uint32_t{0}),
          .sightings = object.value("sightings", std::uint32_t{0}),
          .requests_age = duration_of(object, "requests_age_ns")};
}

// ---- answer times: how many from which span on, in nanoseconds ----

Json json_of(const observe::Latency::Reading& answer_times) {
  Json list = Json::array();
  for (std::size_t bucket = 0; bucket < answer_times.size(); ++bucket)
    if (answer_times[bucket] > 0) list.push_back({observe::Latency::floor_of(bucket), answer_times[bucket]});
  return list;
}

observe::Latency::Reading answer_times_of(const Json& list) {
  observe::Latency::Reading answer_times{};
  for (const Json& each : list)
    answer_times[observe::Latency::bucket_of(each.at(0).get<std::int64_t>())] +=
        each.at(1).get<std::uint32_t>();
  return answer_times;
}

Json json_of(const core::KnownNodes::Key& key, const KnownNode& node) {
  return {{"pool", key.first},
          {"address", key.second},
          {"operator", word(kOperators, node.by_operator)},
          {"health", word(kHealths, node.health)},
          {"ejection", word(kEjections, node.ejection)},
          {"health_verdict", word(kVerdicts, node.health_verdict)},
          {"ejection_verdict", word(kVerdicts, node.ejection_verdict)},
          {"strikes", node.strikes},
          {"agent", word(kAgents, node.agent)},
          {"agent_weight", node.agent_weight},
          {"drained_ns", node.drained.count()},
          {"learned", json_of(node.learned)},
          {"history", json_of(node.history)},
          {"answer_times", json_of(node.answer_times)}};
}

// A document of a version that knows no soft ones has none.
balancer::Verdict verdict_of(const Json& object, const char* key) {
  return object.contains(key) ? value_of<balancer::Verdict>(kVerdicts, object, key) : balancer::Verdict::hard;
}

// One of a version that hears no agents has none.
balancer::Agent agent_of(const Json& object) {
  return object.contains("agent") ? value_of<balancer::Agent>(kAgents, object, "agent") : balancer::Agent::up;
}

KnownNode node_of(const Json& object) {
  return {.by_operator = value_of<balancer::Operator>(kOperators, object, "operator"),
          .health = value_of<balancer::Health>(kHealths, object, "health"),
          .ejection = value_of<balancer::Ejection>(kEjections, object, "ejection"),
          .health_verdict = verdict_of(object, "health_verdict"),
          .ejection_verdict = verdict_of(object, "ejection_verdict"),
          .strikes = object.value("strikes", std::uint32_t{0}),
          .agent = agent_of(object),
          .agent_weight = object.value("agent_weight", balancer::NodeState::kNoAgentWeight),
          .drained = duration_of(object, "drained_ns"),
          .learned = learned_of(object.at("learned")),
          .history = history_of(object.at("history")),
          .answer_times = answer_times_of(object.value("answer_times", Json::array()))};
}

// ---- names ----

Json json_of(const core::ResolvedNames& names) {
  Json object = Json::object();
  for (const auto& [name, ips] : names)
    for (const io::Ip& ip : ips) object[name].push_back(ip.text());
  return object;
}

core::ResolvedNames names_of(const Json& object) {
  core::ResolvedNames names;
  for (const auto& [name, ips] : object.items())
    for (const Json& text : ips)
      if (const auto ip = io::Ip::parse(text.get_ref<const std::string&>())) names[name].push_back(*ip);
  return names;
}

// ---- operators' words for the time being ----

template <class T>
Json json_of(const core::Override::Part<T>& part, const Json& value, base::Time now) {
  Json object = {{"value", value}, {"reason", part.reason}};
  if (part.until != base::kNever) object["left_ns"] = (part.until - now).count();
  return object;
}

base::Time until_of(const Json& object, base::Time now) {
  return object.contains("left_ns") ? base::deadline(now, duration_of(object, "left_ns")) : base::kNever;
}

Json json_of(const core::Overrides& overrides, base::Time now) {
  Json all = Json::array();
  for (const auto& [name, said] : overrides.all()) {
    Json object = {{"pool", name.pool}, {"node", name.node}};
    if (said.state) object["state"] = json_of(*said.state, word(kOperators, said.state->value), now);
    const auto put = [&](const char* key, const auto& part) {
      if (part) object[key] = json_of(*part, part->value, now);
    };
    put("weight", said.weight);
    put("tier", said.tier);
    put("max_in_flight", said.max_in_flight);
    put("max_connections", said.max_connections);
    all.push_back(std::move(object));
  }
  return all;
}

core::Overrides overrides_of(const Json& all, base::Time now) {
  core::Overrides overrides;
  for (const Json& each : all) {
    core::Override said;
    if (each.contains("state")) {
      const Json& part = each.at("state");
      said.state = {value_of<balancer::Operator>(kOperators, part, "value"), until_of(part, now),
                    part.value("reason", "")};
    }
    const auto take = [&]<class T>(const char* key, std::optional<core::Override::Part<T>>& part) {
      if (!each.contains(key)) return;
      const Json& told = each.at(key);
      part = {told.at("value").get<T>(), until_of(told, now), told.value("reason", "")};
    };
    take("weight", said.weight);
    take("tier", said.tier);
    take("max_in_flight", said.max_in_flight);
    take("max_connections", said.max_connections);
    overrides.set({each.at("pool"), each.at("node")}, std::move(said));
  }
  return overrides;
}

// ---- configurations ----

Json json_of(const config::Change& change) {
  return {
      {"kind", word(kChanges, change.kind)}, {"path", change.path}, {"from", change.from}, {"to", change.to}};
}

config::Change change_of(const Json& object) {
  return {.kind = value_of<config::Change::Kind>(kChanges, object, "kind"),
          .path = object.at("path"),
          .from = object.at("from"),
          .to = object.at("to")};
}

Json json_of(const History::Past& past) {
  Json object = {{"text", *past.version.text},
                 {"hash", past.version.hash},
                 {"confirmed", past.confirmed},
                 {"rejected", past.rejected},
                 {"state", word(admin::kHistoryStates, past.told.state)},
                 {"ms", past.told.wall_ms},
                 {"author", past.told.author},
                 {"reason", past.told.reason},
                 {"changes", Json::array()}};
  for (const config::Change& change : past.told.changes) object["changes"].push_back(json_of(change));
  return object;
}

// None: another version wrote what this one does not understand; then nobody goes back to it.
std::optional<History::Past> past_of(const Json& object) try {
  History::Past past;
  past.version.text = std::make_shared<const std::string>(object.at("text").get<std::string>());
  past.version.hash = object.at("hash");
  past.confirmed = object.at("confirmed");
  past.rejected = object.at("rejected");
  past.told = {.state = value_of<admin::HistoryEntry::State>(admin::kHistoryStates, object, "state"),
               .wall_ms = object.at("ms"),
               .author = object.at("author"),
               .hash = past.version.hash,
               .reason = object.at("reason"),
               .changes = {}};
  for (const Json& each : object.at("changes")) past.told.changes.push_back(change_of(each));
  return past;
} catch (const std::exception&) {
  return std::nullopt;
}

// The latest ones, if another version keeps more.
std::vector<History::Past> history_of(const Json& list, std::size_t most) {
  std::vector<History::Past> history;
  for (const Json& each : list)
    if (auto past = past_of(each)) history.push_back(std::move(*past));
  if (history.size() > most)
    history.erase(history.begin(), history.end() - static_cast<std::ptrdiff_t>(most));
  return history;
}

// ---- how the pools stood ----

Json json_of(const core::PoolStandings& standing) {
  Json object = Json::object();
  for (const auto& [pool, each] : standing)
    if (each.answers > 0) object[pool] = {{"answers", each.answers}, {"errors", each.errors}};
  return object;
}

core::PoolStandings standing_of(const Json& object) {
  core::PoolStandings standing;
  for (const auto& [pool, each] : object.items()) {
    standing[pool].answers = each.value("answers", std::uint64_t{0});
    standing[pool].errors = each.value("errors", std::uint64_t{0});
  }
  return standing;
}

// ---- keys of tickets: name, MAC, cipher, in hex ----

std::string hex_of(std::span<const unsigned char> bytes) {
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

void bytes_of(std::string_view text, std::span<unsigned char> out) {
  if (text.size() != 2 * out.size()) throw std::invalid_argument("a key of tickets has another size");
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = base::hex_value(text[2 * i]), low = base::hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) throw std::invalid_argument("a key of tickets is not in hex");
    out[i] = static_cast<unsigned char>(high * 16 + low);
  }
}

Json json_of(const tls::TicketKeys::Known& known) {
  Json object = {{"age_ns", known.age.count()}, {"keys", Json::array()}};
  for (const tls::TicketKey& key : known.keys)
    object["keys"].push_back(
        {{"name", hex_of(key.name)}, {"mac", hex_of(key.mac)}, {"cipher", hex_of(key.cipher)}});
  return object;
}

tls::TicketKeys::Known tickets_of(const Json& object) {
  tls::TicketKeys::Known known;
  known.age = duration_of(object, "age_ns");
  for (const Json& each : object.value("keys", Json::array())) {
    tls::TicketKey& key = known.keys.emplace_back();
    bytes_of(each.at("name").get_ref<const std::string&>(), key.name);
    bytes_of(each.at("mac").get_ref<const std::string&>(), key.mac);
    bytes_of(each.at("cipher").get_ref<const std::string&>(), key.cipher);
  }
  return known;
}

Handover handover_of(const Json& document, base::Time now) {
  Handover handover;
  for (const Json& each : document.at("sockets")) handover.sockets.push_back(sockets_of(each));
  handover.legacy.nodes = core::KnownNodes(now);
  for (const Json& each : document.at("nodes"))
    handover.legacy.nodes.add(each.at("pool"), each.at("address"), node_of(each));
  handover.legacy.names = names_of(document.at("names"));
  handover.legacy.overrides = overrides_of(document.at("overrides"), now);
  handover.legacy.overrides.drop_over(now);
  handover.legacy.sticky_secret = document.value("sticky_secret", "");
  if (const auto text = document.find("configuration"); text != document.end())
    handover.text = {text->at("text"), text->value("rejected_hash", "")};
  handover.history = history_of(document.value("history", Json::array()), History::kMost);
  handover.standing = standing_of(document.value("standing", Json::object()));
  handover.tickets = tickets_of(document.value("tickets", Json::object()));
  handover.leaving = std::max(duration_of(document, "leaving_ns"), base::Duration::zero());
  return handover;
}

}  // namespace

std::string text_of(const Handover& handover) {
  Json document = {
      {"form", Handover::kForm},
      {"configuration", {{"text", handover.text.in_force}, {"rejected_hash", handover.text.rejected_hash}}},
      {"history", Json::array()},
      {"leaving_ns", handover.leaving.count()},
      {"standing", json_of(handover.standing)},
      {"tickets", json_of(handover.tickets)},
      {"sockets", Json::array()},
      {"nodes", Json::array()},
      {"names", json_of(handover.legacy.names)},
      {"overrides", json_of(handover.legacy.overrides, handover.legacy.nodes.now())},
      {"sticky_secret", handover.legacy.sticky_secret}};
  for (const History::Past& past : handover.history) document["history"].push_back(json_of(past));
  for (const auto& sockets : handover.sockets) document["sockets"].push_back(json_of(sockets));
  for (const auto& [key, node] : handover.legacy.nodes.all()) document["nodes"].push_back(json_of(key, node));
  // What a node said may be in it.
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

base::Result<Handover, std::string> read_handover(std::string_view text, base::Time now) {
  const Json document = Json::parse(text, nullptr, false);
  if (!document.is_object()) return base::unexpected(std::string("the hand-over is no JSON object"));
  try {
    const int form = document.at("form").get<int>();
    if (form != Handover::kForm)
      return base::unexpected(
          fmt::format("the hand-over has form {}, this Weir knows {}", form, Handover::kForm));
    return handover_of(document, now);
  } catch (const std::exception& error) {
    return base::unexpected(fmt::format("the hand-over cannot be read: {}", error.what()));
  }
}

core::KnownNodes known_nodes(const core::Snapshot& snapshot, const admin::Latencies& latencies,
                             base::Time now) {
  core::KnownNodes nodes(now);
  for (const core::SnapshotPool& pool : snapshot.pools)
    for (const auto& endpoint : pool.endpoints) {
      KnownNode node = KnownNode::of(*endpoint, now);
      if (const auto found = latencies.find(endpoint.get()); found != latencies.end())
        node.answer_times = observe::scaled(found->second, kMostAnswerTimes);
      nodes.add(pool.name, endpoint->text, std::move(node));
    }
  return nodes;
}

}  // namespace weir::server
