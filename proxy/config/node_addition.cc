#include "proxy/config/node_addition.h"

namespace weir::config {

namespace {

// The node between commas or behind a dash; a block map's further lines begin with `indentation`.
std::string in_braces(const Node& node, const NodeStyle& style) {
  std::string address = written_address(node.address, style.quote);
  const std::vector<Member> members = differing({}, node);
  if (members.empty()) return address;
  return map_begin(style) + address + written_behind(members, style) + map_end(style);
}

std::string in_lines(const Node& node, const NodeStyle& style, const std::string& indentation) {
  const Member address{"address", written_address(node.address, style.quote), false};
  const std::vector<Member> members = differing({}, node);
  if (members.empty()) return address.value;
  std::string text = written(address, style);
  for (const Member& member : members) text += indentation + written(member, style);
  return text;
}

// What stands between the dash of the last item and the item, if both are on one line.
std::string gap(const WrittenNodes& nodes, std::size_t dash) {
  const std::string_view between = nodes.layout.text(dash + 1, nodes.layout.begin(*nodes.list.items.back()));
  const bool same_line = !between.empty() && between.find_first_not_of(' ') == between.npos;
  return same_line ? std::string(between) : " ";
}

Patch add_line(const WrittenNodes& nodes, const Node& node) {
  Layout& layout = nodes.layout;
  const Lines& lines = layout.lines();
  const std::size_t dash = layout.dash(nodes.list, nodes.list.items.size() - 1);
  const std::size_t end = layout.end(nodes.list);
  if (layout.lost() || !lines.begins_at(dash) || !lines.ends_at(end)) return layout.lose(), Patch{};
  const std::string begin =
      std::string(lines.ending(end)) + std::string(layout.text(lines.begin(dash), dash));
  const std::string behind_dash = gap(nodes, dash);
  const std::string item =
      nodes.style.maps == Value::Style::block
          ? in_lines(node, nodes.style, begin + ' ' + std::string(behind_dash.size(), ' '))
          : in_braces(node, nodes.style);
  Patch patch;
  patch.insert(lines.end(end), begin + '-' + behind_dash + item);
  return patch;
}

Patch add_to_empty(const WrittenNodes& nodes, const std::string& item) {
  Patch patch;
  const std::size_t behind = nodes.layout.content(nodes.list) + 1;
  patch.insert(behind, nodes.layout.at(behind) == ' ' ? " " + item : item);
  return patch;
}

// Whether the commas of the list have no space behind them.
bool is_dense(const WrittenNodes& nodes) {
  const std::size_t count = nodes.list.items.size();
  if (count < 2) return !nodes.style.padded;
  const std::size_t comma = nodes.layout.comma(nodes.layout.end(nodes.item(count - 2)));
  return comma != Layout::kNone && comma + 1 == nodes.layout.begin(nodes.item(count - 1));
}

Patch add_to_flow(const WrittenNodes& nodes, const std::string& item) {
  Layout& layout = nodes.layout;
  const Lines& lines = layout.lines();
  const Value& last = *nodes.list.items.back();
  const std::size_t begin = layout.begin(last), end = layout.end(last), comma = layout.comma(end);
  const bool has_comma = comma != Layout::kNone && comma < lines.end(end);
  Patch patch;
  if (lines.begins_at(begin) && lines.ends_at(has_comma ? comma + 1 : end) &&
      has_comma == (comma != Layout::kNone)) {
    if (!has_comma) patch.insert(end, ",");
    patch.insert(lines.end(end), std::string(lines.ending(end)) +
                                     std::string(layout.text(lines.begin(begin), begin)) + item +
                                     (has_comma ? "," : ""));
  } else {
    patch.insert(end, (is_dense(nodes) ? "," : ", ") + item);
  }
  return patch;
}

}  // namespace

Patch add_node(const WrittenNodes& nodes, const Node& node) {
  if (nodes.list.style == Value::Style::block) return add_line(nodes, node);
  const std::string item = in_braces(node, nodes.style);
  return nodes.list.items.empty() ? add_to_empty(nodes, item) : add_to_flow(nodes, item);
}

}  // namespace weir::config
