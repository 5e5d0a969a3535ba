#include "proxy/console/status.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace weir::console {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kLongestText = 1024;
constexpr const char* kNotWeir = "what answers there is no admin port of Weir";

const Json& member(const Json& object, const char* key) {
  static const Json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

std::string text(const Json& object, const char* key) {
  const Json& value = member(object, key);
  return value.is_string() ? printable(value.get_ref<const std::string&>()) : std::string();
}

std::optional<double> number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number()) return std::nullopt;
  return std::clamp(value.get<double>(), 0.0, 1e15);
}

std::uint64_t count(const Json& object, const char* key) {
  return static_cast<std::uint64_t>(number(object, key).value_or(0));
}

StateWord state_word(const Json& node, const char* key, std::optional<milliseconds> now) {
  const Json& word = member(node, key);
  StateWord made{text(word, "state"), std::nullopt, text(word, "reason")};
  if (const auto since = time_point(text(word, "since")); since && now)
    made.age = std::max(*now - *since, milliseconds(0));
  return made;
}

Traffic traffic(const Json& object) {
  return {number(object, "rate").value_or(0), number(object, "errors").value_or(0),
          count(object, "in_flight"), number(object, "p50_ms"), number(object, "p99_ms")};
}

std::string failed_check(const Json& node) {
  const Json& check = member(node, "last_check");
  return member(check, "passed") == false ? text(check, "outcome") : std::string();
}

std::string tier(const Json& node) {
  if (member(node, "backup") == true) return "backup";
  return member(node, "priority").is_number() ? std::to_string(count(node, "priority")) : std::string();
}

Bounds bounds(const Json& object) {
  const auto bound = [&](const char* key) {
    return member(object, key).is_number() ? std::optional(count(object, key)) : std::nullopt;
  };
  return {bound("max_in_flight"), bound("max_connections"), member(object, "adaptive") == true};
}

StateWord fullness(const Json& node) {
  if (member(node, "full") != true) return {};
  const auto [most, most_connections, learned] = bounds(node);
  const bool by_connections = most_connections && (!most || count(node, "in_flight") < *most);
  return {"full", std::nullopt, by_connections ? "max_connections is reached" : "max_in_flight is reached"};
}

NodeStatus node_status(const Json& json, const std::string& pool, std::optional<milliseconds> now) {
  return {pool,
          text(json, "address"),
          member(json, "eligible") == true,
          state_word(json, "operator", now),
          state_word(json, "health", now),
          state_word(json, "ejection", now),
          count(json, "weight"),
          traffic(json),
          failed_check(json),
          member(json, "suspect") == true
              ? StateWord{"suspect", std::nullopt, "it owes answers, and is silent"}
              : StateWord{},
          state_word(json, "agent", now),
          tier(json),
          fullness(json),
          bounds(json),
          count(member(json, "connections"), "open")};
}

PoolStatus pool_status(const Json& json, std::optional<milliseconds> now) {
  PoolStatus pool{text(json, "name"),
                  text(json, "strategy"),
                  text(json, "health"),
                  count(json, "size"),
                  count(json, "eligible"),
                  traffic(json),
                  {},
                  count(json, "full"),
                  bounds(json),
                  0,
                  count(json, "queued")};
  for (const Json& node : member(json, "nodes")) {
    pool.nodes.push_back(node_status(node, pool.name, now));
    pool.connections += pool.nodes.back().connections;
  }
  return pool;
}

Json parse(std::string_view json) {
  return Json::parse(json, nullptr, false);
}

}  // namespace

std::optional<milliseconds> time_point(const std::string& text) {
  int year = 0, thousandth = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2u:%2u:%2u.%3d", &year, &month, &day, &hour, &minute, &second,
                  &thousandth) < 6)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  return milliseconds(days) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + milliseconds(thousandth);
}

std::string printable(std::string_view text) {
  std::string made(text.substr(0, kLongestText));
  for (char& c : made)
    if (c < 0x20 || c > 0x7e) c = '?';
  return made;
}

const StateWord& NodeStatus::decisive() const {
  if (by_operator.state != "active") return by_operator;
  if (agent.state == "drain" || agent.state == "maint") return agent;
  if (ejection.state == "ejected" || (ejection.state == "probation" && health.state != "down"))
    return ejection;
  const bool is_full = !fullness.state.empty();
  if ((eligible || is_full) && !suspicion.state.empty()) return suspicion;
  return is_full ? fullness : health;
}

std::string NodeStatus::why() const {
  const StateWord& word = decisive();
  if (eligible && word.state == "up") return {};
  if (word.state != "down" || &word != &health || word.reason.starts_with(failed_check)) return word.reason;
  return failed_check + "; at first: " + word.reason;
}

bool PoolStatus::is_bounded() const {
  const auto is_one = [](const Bounds& each) { return each.max_in_flight || each.max_connections; };
  return is_one(bounds) ||
         std::any_of(nodes.begin(), nodes.end(), [&](const NodeStatus& node) { return is_one(node.bounds); });
}

base::Result<std::vector<PoolStatus>, std::string> read_pools(std::string_view json) {
  const Json root = parse(json);
  if (!root.is_object()) return base::unexpected(std::string(kNotWeir));
  const auto now = time_point(text(root, "time"));
  const Json& list = member(root, "pools");
  if (list.is_null() && member(root, "nodes").is_array()) return std::vector{pool_status(root, now)};
  if (!list.is_array()) return base::unexpected(std::string(kNotWeir));
  std::vector<PoolStatus> pools;
  for (const Json& pool : list) pools.push_back(pool_status(pool, now));
  return pools;
}

base::Result<Connections, std::string> read_connections(std::string_view json) {
  const Json root = parse(json);
  if (!root.is_object() || !member(root, "listeners").is_array())
    return base::unexpected(std::string(kNotWeir));
  Connections sum;
  sum.overload = count(root, "overload");
  for (const Json& listener : member(root, "listeners")) {
    const Json& states = member(listener, "states");
    sum.open += count(listener, "open");
    sum.idle += count(states, "idle");
    sum.reading += count(states, "reading");
    sum.active += count(states, "active");
    sum.tunnel += count(states, "tunnel");
    sum.closing += count(states, "closing");
  }
  return sum;
}

std::string readable_json(std::string_view json) {
  const auto root = nlohmann::ordered_json::parse(json, nullptr, false);
  if (root.is_discarded()) return {};
  return root.dump(2, ' ', true, Json::error_handler_t::replace);
}

std::string read_error(std::string_view json) {
  return text(parse(json), "error");
}

}  // namespace weir::console
