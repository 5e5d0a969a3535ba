#include "proxy/console/nodes_view.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/console/node_table.h"

namespace weir::console {
namespace {

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<const NodeStatus*> nodes_of(const std::vector<PoolStatus>& pools) {
  std::vector<const NodeStatus*> nodes;
  for (const PoolStatus& pool : pools)
    for (const NodeStatus& node : pool.nodes) nodes.push_back(&node);
  return nodes;
}

std::vector<std::string> table_lines(const std::vector<PoolStatus>& pools, std::size_t width,
                                     Colours colours) {
  std::vector<std::string> lines = node_table(nodes_of(pools)).lines(width, colours);
  lines.emplace_back();
  for (const PoolStatus& pool : pools) lines.push_back(cut(summary(pool), width));
  return lines;
}

// For a screen of so many rows that does not take them all: pools take up to a third of it.
std::vector<std::string> first_lines(const std::vector<PoolStatus>& pools, Size size, Colours colours) {
  std::vector<const PoolStatus*> by_need;
  by_need.reserve(pools.size());
  for (const PoolStatus& pool : pools) by_need.push_back(&pool);
  std::stable_partition(by_need.begin(), by_need.end(),
                        [](const PoolStatus* pool) { return pool->eligible < pool->size; });
  std::vector<std::string> lines;
  for (const PoolStatus* pool : by_need)
    if (lines.size() < size.rows / 3) lines.push_back(cut(summary(*pool), size.columns));
  lines.emplace_back();
  std::vector<const NodeStatus*> nodes = nodes_of(pools);
  std::stable_sort(nodes.begin(), nodes.end(),
                   [](const NodeStatus* a, const NodeStatus* b) { return severity(*a) < severity(*b); });
  for (std::string& line : node_table(nodes).lines(size.columns, colours)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace

std::optional<Problem> NodesView::show(const Fetched& fetched) {
  const auto problem = read(fetched);
  problem_ = problem ? problem->text : "";
  return problem;
}

std::optional<Problem> NodesView::read(const Fetched& fetched) {
  if (auto problem = problem_of(fetched, admin_)) return problem;
  const std::string& body = fetched.answers[0].body;
  auto pools = read_pools(body);
  if (!pools) return unreadable(pools.error(), admin_);
  pools_ = std::move(*pools);
  if (format_ == NodesOptions::Format::json) json_ = medium_ == Medium::terminal ? readable_json(body) : body;
  return std::nullopt;
}

std::vector<std::string> NodesView::lines(Size size, Colours colours) const {
  if (format_ == NodesOptions::Format::json) return split_lines(json_);
  return table_lines(pools_, medium_ == Medium::terminal ? size.columns : kNoLimit, colours);
}

std::vector<std::string> NodesView::screen(Size size, Colours colours) const {
  const Size inner{size.columns - 1, size.rows};  // a full line would move the cursor on
  std::vector<std::string> made;
  if (!problem_.empty()) made.push_back(painted(cut(problem_, inner.columns), Tone::bad, colours));
  std::vector<std::string> all = lines(inner, colours);
  const std::size_t size_of_all = made.size() + all.size();
  if (size_of_all > size.rows && format_ == NodesOptions::Format::table)
    all = first_lines(pools_, inner, colours);
  for (std::string& line : all)
    made.push_back(format_ == NodesOptions::Format::json ? cut(line, inner.columns) : std::move(line));
  if (size_of_all <= size.rows) return made;
  made.resize(std::min(made.size(), size.rows - 1));
  const std::size_t left = size_of_all - made.size();
  made.push_back(cut(fmt::format("... {} more lines; weir top scrolls", left), inner.columns));
  return made;
}

}  // namespace weir::console
