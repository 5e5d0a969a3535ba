#include "proxy/console/nodes_view.h"

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

std::vector<std::string> table_lines(const std::vector<PoolStatus>& pools, std::size_t width,
                                     Colours colours) {
  std::vector<const NodeStatus*> nodes;
  for (const PoolStatus& pool : pools)
    for (const NodeStatus& node : pool.nodes) nodes.push_back(&node);
  std::vector<std::string> lines = node_table(nodes).lines(width, colours);
  lines.emplace_back();
  for (const PoolStatus& pool : pools) lines.push_back(cut(summary(pool), width));
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
  for (std::string& line : lines(inner, colours))
    made.push_back(format_ == NodesOptions::Format::json ? cut(line, inner.columns) : std::move(line));
  if (made.size() <= size.rows) return made;
  const std::size_t left = made.size() - size.rows + 1;
  made.resize(size.rows - 1);
  made.push_back(cut(fmt::format("... {} more lines; weir top scrolls", left), inner.columns));
  return made;
}

}  // namespace weir::console
