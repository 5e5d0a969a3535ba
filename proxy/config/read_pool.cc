#include "proxy/config/read_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "balancer/strategies.h"
#include "proxy/config/read_health.h"
#include "proxy/config/read_node.h"
#include "proxy/config/read_timeouts.h"
#include "proxy/config/read_tls.h"
#include "proxy/config/scalar.h"
#include "proxy/http/message.h"
#include "proxy/http/token.h"

namespace weir::config {

namespace {

constexpr std::string_view kPoolNames = "1 to 64 of A-Z a-z 0-9 _ . -, and not . or .. alone";

bool is_pool_name(std::string_view name) {
  constexpr std::string_view kCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  const bool is_path = name == "." || name == "..";  // which no path of the API could hold
  return !name.empty() && !is_path && name.size() <= 64 && name.find_first_not_of(kCharacters) == name.npos;
}

// Leaves the name empty if it is refused, so that nothing else is said about it.
void read_strategy(const Field& field, std::string& out) {
  out.clear();
  const auto names = balancer::strategy_names();
  if (!field.must_be(Value::Kind::scalar, joined(names))) return;
  if (std::find(names.begin(), names.end(), field.value.text) == names.end()) {
    const std::string near = suggestion(field.value.text, names);
    if (near.empty()) return field.refuse(joined(names));
    return field.fail("there is no strategy " + in_quotes(field.value.text) + near);
  }
  out = field.value.text;
}

// Known fields that no request has by the time its key is made; Host is the authority then.
bool ends_here(std::string_view name) {
  const http::FieldId id = http::field_id(name);
  return http::kHopByHop.has(id) || id == http::FieldId::content_length || id == http::FieldId::expect;
}

void read_hash_key(const Field& field, HashKey& out) {
  constexpr std::string_view kAllowed = "client-ip, path, header:NAME, cookie:NAME, query:NAME";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string_view text = field.value.text;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view source = text.substr(0, colon);
  if (text == "client-ip" || text == "path") {
    out = {text == "path" ? HashSource::path : HashSource::client_ip, ""};
    return;
  }
  const std::string_view name = colon < text.size() ? text.substr(colon + 1) : std::string_view();
  if (name.size() > 256 || !http::is_token(name)) return field.refuse(kAllowed);
  if (source == "header") {
    if (ends_here(name))
      return field.fail(fmt::format("{} ends at Weir, so that every request would lack it; allowed: {}",
                                    in_quotes(name), "header:NAME of a field that goes on to the nodes"));
    out = {HashSource::header, std::string(name)};
  } else if (source == "cookie") {
    out = {HashSource::cookie, std::string(name)};
  } else if (source == "query") {
    out = {HashSource::query, std::string(name)};
  } else {
    field.refuse(kAllowed);
  }
}

std::string strategies_with_key() {
  std::vector<std::string_view> names;
  for (const std::string_view name : balancer::strategy_names())
    if (balancer::takes_key(name)) names.push_back(name);
  return joined(names);
}

void read_hash(const Field& field, HashKey& out, const std::string& strategy) {
  const Section section(field, keys::kHash);
  section.read("key", read_hash_key, out);
  if (!strategy.empty() && !balancer::takes_key(strategy))
    field.fail(fmt::format("is of no use to the strategy {}; leave it out, or set strategy: {}", strategy,
                           strategies_with_key()));
}

void read_retry(const Field& field, Retry& out) {
  const Section section(field, keys::kRetry);
  section.read("attempts", read_count32, out.attempts, CountRange{1, 10});
}

void read_keepalive(const Field& field, Keepalive& out) {
  const Section section(field, keys::kKeepalive);
  section.read("max_idle", read_count, out.max_idle, CountRange{0, 1'000'000});
  section.read("idle_timeout", read_duration, out.idle_timeout, kTimeout);
  section.read("max_lifetime", read_duration, out.max_lifetime, kTimeoutOrOff);
}

void read_pool(const Field& field, Pool& out) {
  const Section section(field, keys::kPool);
  section.read("strategy", read_strategy, out.strategy);
  section.read("hash", read_hash, out.hash, out.strategy);
  section.require("nodes", read_nodes, out.nodes);
  section.read("tls", read_pool_tls, out);
  section.read("health", read_health, out.health, out.nodes);
  section.read("retry", read_retry, out.retry);
  section.read("keepalive", read_keepalive, out.keepalive);
  section.read("timeouts", read_timeout_overrides, out.timeouts, keys::kPoolTimeouts);
  section.read("resolve_interval", read_duration, out.resolve_interval, DurationRange{1s, 5min});
}

}  // namespace

void read_pools(const Field& field, std::vector<Pool>& out, Places& places) {
  if (!field.must_be(Value::Kind::map, "a map of pools by name")) return;
  if (field.value.keys.empty()) return field.fail("has no pool; at least one is required");
  std::unordered_map<std::string_view, int> seen;
  for (std::size_t i = 0; i < field.value.keys.size(); ++i) {
    const Key& name = field.value.keys[i];
    const Field member = field.member(i);
    const auto [first, fresh] = seen.emplace(name.text, name.at.line);
    if (!fresh) {
      field.report.error(name.at, member.path,
                         fmt::format("given twice, first on line {}; a key may stand once", first->second));
      continue;
    }
    if (name.text == "<<") {
      field.report.error(name.at, member.path, "merge keys are not supported; write the pools out");
      continue;
    }
    if (!is_pool_name(name.text))
      field.report.error(
          name.at, field.path,
          fmt::format("{} is no name for a pool; allowed: {}", in_quotes(name.text), kPoolNames));
    out.emplace_back().name = name.text;
    places.pools.push_back(name.at);
    read_pool(member, out.back());
  }
}

}  // namespace weir::config
