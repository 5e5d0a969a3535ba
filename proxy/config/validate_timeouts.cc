#include "proxy/config/validate_timeouts.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/config/merge.h"
#include "proxy/config/scalar.h"
#include "proxy/config/validate_raw.h"

namespace weir::config {

namespace {

// What a route's requests and raw connections are under.
struct Terms {
  const Config& config;
  const Pool& pool;
  std::size_t index;
  const Route& route = config.routes[index];
  Timeouts timeouts = timeouts_of(config, pool, route);
  Retry retry = merge(pool.retry, route.retry);
  Hedge hedge = route.hedge.value_or(pool.hedge);
  bool requests = may_take(config, route, Mode::http);
  bool raw = may_take(config, route, Mode::tcp);
};

// A value at the level that says it: a Route, a Pool or the Config; null: it is a default, and nobody's.
struct Setting {
  std::string_view key;
  const void* said_by;
  friend auto operator<=>(const Setting&, const Setting&) = default;
};

// What is found of the settings, route by route. A setting may hold for many routes: it is of no use only if
// it is of none at each of them.
class Findings {
 public:
  // `why` it is of no use at this route; "": it is of use.
  void judge(const Terms& terms, const Setting& setting, std::string why) {
    if (setting.said_by == nullptr) return;
    if (why.empty())
      useful_.insert(setting);
    else
      useless_.push_back({setting, terms.index, std::move(why)});
  }
  void report(const Places& places, Report& report) const {
    std::set<std::pair<const void*, std::string_view>> said;  // many routes may be under the same terms
    for (const auto& [setting, route, why] : useless_)
      if (!useful_.contains(setting) && said.emplace(setting.said_by, why).second)
        report.warning(places.routes[route], fmt::format("routes[{}]", route), why);
  }

 private:
  struct Useless {
    Setting setting;
    std::size_t route;
    std::string why;
  };
  std::set<Setting> useful_;
  std::vector<Useless> useless_;
};

struct Clock {
  std::string_view key;
  Duration Timeouts::* value;
  std::optional<Duration> TimeoutOverrides::* own;
};

constexpr Clock kConnect{"timeouts.connect", &Timeouts::connect, &TimeoutOverrides::connect};
constexpr Clock kResponse{"timeouts.response", &Timeouts::response, &TimeoutOverrides::response};
constexpr Clock kAttempt{"timeouts.attempt", &Timeouts::attempt, &TimeoutOverrides::attempt};
constexpr Clock kRequest{"timeouts.request", &Timeouts::request, &TimeoutOverrides::request};
constexpr Clock kStreamIdle{"timeouts.stream_idle", &Timeouts::stream_idle, &TimeoutOverrides::stream_idle};
constexpr Clock kTunnel{"timeouts.tunnel", &Timeouts::tunnel, &TimeoutOverrides::tunnel};

Setting setting_of(const Terms& terms, const Clock& clock) {
  if (terms.route.timeouts.*clock.own) return {clock.key, &terms.route};
  if (terms.pool.timeouts.*clock.own) return {clock.key, &terms.pool};
  const bool said = terms.config.timeouts.*clock.value != Timeouts{}.*clock.value;
  return {clock.key, said ? &terms.config : nullptr};
}

template <class T>
Setting setting_of(const Terms& terms, std::string_view key, T Retry::* value,
                   std::optional<T> RetryOverrides::* own) {
  if (terms.route.retry.*own) return {key, &terms.route};
  return {key, terms.pool.retry.*value != Retry{}.*value ? &terms.pool : nullptr};
}

std::string never_reached(const Terms& terms, const Clock& clock, const Clock& bound) {
  return fmt::format("{} ({}) is never reached: {} ({}) is shorter", clock.key,
                     written(terms.timeouts.*clock.value), bound.key, written(terms.timeouts.*bound.value));
}

bool cuts_short(const Terms& terms, const Clock& bound, const Clock& clock) {
  const Duration value = terms.timeouts.*clock.value;
  return value != kOff && value > terms.timeouts.*bound.value;
}

void look_at_clock(const Terms& terms, const Clock& clock, std::initializer_list<Clock> bounds,
                   Findings& found) {
  const auto* const bound = std::find_if(bounds.begin(), bounds.end(),
                                         [&](const Clock& each) { return cuts_short(terms, each, clock); });
  found.judge(terms, setting_of(terms, clock),
              bound == bounds.end() ? "" : never_reached(terms, clock, *bound));
}

// The silence of a client that is sent the end of its answer has timeouts.body beyond timeouts.request.
void look_at_clocks_of_requests(const Terms& terms, Findings& found) {
  look_at_clock(terms, kAttempt, {kRequest}, found);
  look_at_clock(terms, kResponse, {kAttempt, kRequest}, found);
  look_at_clock(terms, kStreamIdle, {kRequest}, found);
  look_at_clock(terms, kConnect, {kAttempt, kRequest}, found);
  look_at_clock(terms, kTunnel, {kRequest}, found);
}

// Raw connections have no attempts and no requests, so that nothing bounds what they go by.
void look_at_clocks_of_raw(const Terms& terms, Findings& found) {
  look_at_clock(terms, kConnect, {}, found);
  look_at_clock(terms, kTunnel, {}, found);
}

void look_at_tries(const Terms& terms, Findings& found) {
  const auto [attempt, request] = std::pair(terms.timeouts.attempt, terms.timeouts.request);
  const std::uint32_t attempts = terms.retry.attempts;
  if (request == kOff || attempt > request || attempts == 1 || attempt <= request / attempts) return;
  found.judge(
      terms, {"retry.attempts", &terms.pool},
      fmt::format(
          "timeouts.request ({}) leaves no time for {} tries (retry.attempts) of timeouts.attempt ({})",
          written(request), attempts, written(attempt)));
}

// What allows no paid retry; "": nothing.
std::string_view ban_of_retries(const Retry& retry) {
  if (retry.attempts == 1) return "retry.attempts is 1";
  if (retry.budget == 0) return "retry.budget is 0%";
  return {};
}

std::string objection_to_backoff(const Terms& terms) {
  if (const auto why = ban_of_retries(terms.retry); !why.empty())
    return fmt::format("retry.backoff has no effect: {}", why);
  if (terms.retry.backoff > terms.timeouts.request)
    return fmt::format("retry.backoff ({}) is longer than timeouts.request ({})",
                       written(terms.retry.backoff), written(terms.timeouts.request));
  return {};
}

void look_at_retries(const Terms& terms, Findings& found) {
  const auto why = ban_of_retries(terms.retry);
  if (!terms.retry.statuses.empty())
    found.judge(terms, setting_of(terms, "retry.statuses", &Retry::statuses, &RetryOverrides::statuses),
                why.empty() ? "" : fmt::format("retry.statuses has no effect: {}", why));
  if (terms.retry.backoff > Duration::zero())
    found.judge(terms, setting_of(terms, "retry.backoff", &Retry::backoff, &RetryOverrides::backoff),
                objection_to_backoff(terms));
}

// A host name may be several.
bool has_one_node(const Pool& pool) {
  return pool.nodes.size() == 1 && pool.nodes[0].address.kind != io::Address::Kind::name;
}

std::string objection_to_hedge(const Terms& terms) {
  std::string_view why = ban_of_retries(terms.retry);
  if (has_one_node(terms.pool)) why = "the pool has one node";
  if (!why.empty()) return fmt::format("hedge never begins a second try: {}", why);
  const Timeouts& limit = terms.timeouts;
  const Duration whole = std::min({limit.attempt, limit.request, limit.response});
  if (terms.hedge.percentile == 0 && terms.hedge.after >= whole)
    return fmt::format("hedge.after ({}) is never reached: the try is over after {}",
                       written(terms.hedge.after), written(whole));
  return {};
}

void look_at_hedge(const Terms& terms, Findings& found) {
  if (!terms.hedge.on()) return;
  const void* const said_by =
      terms.route.hedge ? static_cast<const void*>(&terms.route) : static_cast<const void*>(&terms.pool);
  found.judge(terms, {"hedge", said_by}, objection_to_hedge(terms));
}

void look_at_queue(const Terms& terms, Findings& found) {
  const Queue& queue = terms.pool.queue;
  if (!terms.pool.has_limits() || queue.size == 0 || queue.timeout == Queue{}.timeout) return;
  const Duration whole = terms.raw ? kOff : terms.timeouts.request;
  found.judge(
      terms, {"queue.timeout", &terms.pool},
      queue.timeout <= whole
          ? ""
          : fmt::format("queue.timeout of the pool ({}) is never reached: timeouts.request ({}) is shorter",
                        written(queue.timeout), written(whole)));
}

void look_at(const Terms& terms, Findings& found) {
  look_at_queue(terms, found);
  if (terms.raw) look_at_clocks_of_raw(terms, found);
  if (!terms.requests) return;
  look_at_clocks_of_requests(terms, found);
  look_at_tries(terms, found);
  look_at_retries(terms, found);
  look_at_hedge(terms, found);
}

}  // namespace

void warn_of_contradictions(const Config& config, const Places& places, Report& report) {
  std::unordered_map<std::string_view, const Pool*> pools;
  for (const Pool& pool : config.pools) pools.emplace(pool.name, &pool);
  Findings found;
  for (std::size_t i = 0; i < config.routes.size(); ++i)
    look_at({config, *pools.at(config.routes[i].pool), i}, found);
  found.report(places, report);
}

}  // namespace weir::config
