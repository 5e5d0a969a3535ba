#include "proxy/console/node_table.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace weir::console {
namespace {

using Align = Column::Align;

constexpr std::ptrdiff_t kBeforeWeight = 4, kBehindInFlight = 6;

// What an operator looks for first goes last.
std::vector<Column> columns_of(Columns columns) {
  if (columns == Columns::reasons)
    return {
        {"POOL", Align::left, 1}, {"NODE"}, {"STATE"}, {"SINCE", Align::right}, {"WHY", Align::left, 0, 50}};
  const std::size_t enough = columns == Columns::all ? 38 : 10;
  return {{"POOL", Align::left, 2},   {"NODE", Align::left, 0},    {"", Align::left, 1},
          {"STATE", Align::left, 0},  {"WEIGHT", Align::right, 9}, {"IN-FLIGHT", Align::right, 5},
          {"REQ/S", Align::right, 3}, {"ERR/S", Align::right, 4},  {"P50", Align::right, 8},
          {"P99", Align::right, 6},   {"SINCE", Align::right, 7},  {"WHY", Align::left, 0, enough}};
}

// Its operator, or the node itself, wants it so.
bool is_meant(const NodeStatus& node) {
  return node.by_operator.state != "active" || node.agent.state == "drain" || node.agent.state == "maint";
}

Tone state_tone(const NodeStatus& node) {
  if (node.eligible) return node.health.state == "up" ? Tone::good : Tone::plain;
  if (!node.fullness.state.empty()) return Tone::warn;
  return is_meant(node) ? Tone::warn : Tone::bad;
}

// "3"; within a bound "3/10", of which "~" says that it is learned.
std::string bounded_text(std::uint64_t count, std::optional<std::uint64_t> most, const char* mark = "") {
  return most ? fmt::format("{}/{}{}", count, mark, *most) : std::to_string(count);
}

Row row_of_all(const NodeStatus& node) {
  const Traffic& traffic = node.traffic;
  const Tone state = state_tone(node);
  return {{node.pool},
          {node.address},
          {node.eligible ? "+" : "-", state},
          {state_text(node), state},
          {std::to_string(node.weight)},
          {bounded_text(traffic.in_flight, node.bounds.max_in_flight, node.bounds.adaptive ? "~" : "")},
          {rate_text(traffic.rate), traffic.rate > 0 ? Tone::plain : Tone::faint},
          {rate_text(traffic.errors), traffic.errors > 0 ? Tone::bad : Tone::faint},
          {latency_text(traffic.p50_ms)},
          {latency_text(traffic.p99_ms)},
          {age_text(node.decisive().age)},
          {node.why()}};
}

Row row_of_reasons(const NodeStatus& node) {
  return {{node.pool},
          {node.address},
          {state_text(node), state_tone(node)},
          {age_text(node.decisive().age)},
          {node.why()}};
}

}  // namespace

// Where all stand in the first tier, or may have any number of connections, nobody asks.
Table node_table(const std::vector<const NodeStatus*>& nodes, Columns columns, std::string_view kept) {
  const auto any = [&](auto&& is) { return std::any_of(nodes.begin(), nodes.end(), is); };
  const bool several = any([&](const NodeStatus* node) { return node->pool != nodes[0]->pool; });
  const bool figures = columns != Columns::reasons;
  const bool tiered =
      figures && any([](const NodeStatus* node) { return !node->tier.empty() && node->tier != "0"; });
  const bool bounded =
      figures && any([](const NodeStatus* node) { return node->bounds.max_connections.has_value(); });
  const auto insert = [&](auto& into, auto tier, auto connections) {
    if (bounded) into.insert(into.begin() + kBehindInFlight, std::move(connections));
    if (tiered) into.insert(into.begin() + kBeforeWeight, std::move(tier));
  };
  std::vector<Column> shown = columns_of(columns);
  insert(shown, Column{"TIER", Align::right, 10}, Column{"CONNS", Align::right, 5});
  for (Column& column : shown)
    if (column.title == kept || (several && column.title == "POOL")) column.rank = 0;
  Table table(std::move(shown));
  for (const NodeStatus* node : nodes) {
    Row row = columns == Columns::reasons ? row_of_reasons(*node) : row_of_all(*node);
    insert(row, Cell{node->tier}, Cell{bounded_text(node->connections, node->bounds.max_connections)});
    table.add(std::move(row));
  }
  return table;
}

int severity(const NodeStatus& node) {
  if (!node.fullness.state.empty()) return 2;
  if (!node.eligible) return is_meant(node) ? 1 : 0;
  return node.health.state == "up" ? 3 : 2;
}

std::string state_text(const NodeStatus& node) {
  return node.by_operator.state == "down" ? "set down" : node.decisive().state;
}

std::string summary(const PoolStatus& pool) {
  const Traffic& traffic = pool.traffic;
  return fmt::format("{}: {} of {} nodes eligible{}, {} req/s, {} err/s, {}, p99 {}; {}, {}", pool.name,
                     pool.eligible, pool.size, pool.full > 0 ? fmt::format(", {} full", pool.full) : "",
                     rate_text(traffic.rate), rate_text(traffic.errors), load_text(pool),
                     latency_text(traffic.p99_ms), pool.strategy,
                     pool.health.empty() ? "no checks" : "checked by " + pool.health);
}

std::string load_text(const PoolStatus& pool) {
  const auto [most, most_connections, learned] = pool.bounds;
  std::string text =
      fmt::format("{}{} in flight", pool.traffic.in_flight, most ? fmt::format(" of {}", *most) : "");
  if (most_connections) text += fmt::format(", {} of {} connections", pool.connections, *most_connections);
  if (pool.is_bounded()) text += fmt::format(", {} queued", pool.queued);
  return text;
}

std::string rate_text(double a_second) {
  if (a_second < 99.95) return fmt::format("{:.1f}", a_second);
  if (a_second < 9'999.5) return fmt::format("{:.0f}", a_second);
  if (a_second < 999'950) return fmt::format("{:.1f}k", a_second / 1e3);
  return fmt::format("{:.1f}M", a_second / 1e6);
}

std::string latency_text(std::optional<double> ms) {
  if (!ms) return "-";
  if (*ms < 9.995) return fmt::format("{:.2f}ms", *ms);
  if (*ms < 999.5) return fmt::format("{:.0f}ms", *ms);
  return fmt::format("{:.1f}s", *ms / 1e3);
}

std::string age_text(std::optional<std::chrono::milliseconds> age) {
  if (!age) return "-";
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*age).count();
  if (seconds < 100) return fmt::format("{}s", seconds);
  if (seconds < 100 * 60) return fmt::format("{}m", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86'400);
}

}  // namespace weir::console
