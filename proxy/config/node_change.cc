#include "proxy/config/node_change.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/config/section.h"

namespace weir::config {

namespace {

using Patched = base::Result<Patch, std::string>;

// The place of the key's value; kNone: there is no such key.
std::size_t find(const Value& map, std::string_view key) {
  const auto found =
      std::find_if(map.keys.begin(), map.keys.end(), [&](const Key& each) { return each.text == key; });
  return found == map.keys.end() ? Layout::kNone : static_cast<std::size_t>(found - map.keys.begin());
}

bool is_block_scalar(char first) {
  return first == '|' || first == '>';
}

// An address on its own becomes a map, in which it keeps its spelling and its anchor. Between braces more has
// to be in quotes than outside.
Patch wrap(const WrittenNodes& nodes, const Value& item, const std::vector<Member>& members) {
  Layout& layout = nodes.layout;
  Patch patch;
  const std::size_t content = layout.content(item), end = layout.end(item);
  if (is_block_scalar(layout.at(content))) layout.lose();
  patch.insert(layout.begin(item), map_begin(nodes.style));
  if (layout.quote(content) == 0 && item.text.find_first_of(",[]{}") != item.text.npos)
    patch.replace(content, end, written_scalar(item.text, '"'));
  patch.insert(end, written_behind(members, nodes.style) + map_end(nodes.style));
  return patch;
}

// Why the value may not be written over; empty: it may.
std::string why_not(const Value& value, const Member& member) {
  if (value.use != Value::Use::once)
    return fmt::format("its {} is shared with other places of the file by an alias; write it out there first",
                       member.key);
  if (value.text.find("${") != value.text.npos)
    return fmt::format("its {} is {}, which the environment says; change it there, or write it into the file",
                       member.key, in_quotes(value.text));
  return {};
}

char key_quote(const Layout& layout, const Value& map) {
  return layout.quote(layout.lines().offset(map.keys.front().at));
}

// A word in place of a number is in quotes where keys are, as JSON has it.
void replace(Layout& layout, const Value& map, const Value& value, const Member& member, Patch& patch) {
  const std::size_t begin = layout.content(value);
  if (is_block_scalar(layout.at(begin))) layout.lose();
  const bool becomes_word = member.word && base::is_digit(layout.at(begin));
  const char quote = becomes_word ? key_quote(layout, map) : layout.quote(begin);
  patch.replace(begin, layout.end(value), quote == 0 ? member.value : written_scalar(member.value, quote));
}

// Behind the other members: between the braces, or on lines of their own.
void append(const WrittenNodes& nodes, const Value& map, const std::vector<Member>& members, Patch& patch) {
  Layout& layout = nodes.layout;
  NodeStyle style = nodes.style;
  style.key_quote = key_quote(layout, map);
  const std::size_t end = layout.end(*map.items.back());
  if (map.style == Value::Style::flow) {
    const bool bare = layout.at(layout.content(map)) != '{';
    if (bare) patch.insert(layout.begin(map), style.padded ? "{ " : "{");
    return patch.insert(end, written_behind(members, style) + (bare ? map_end(style) : ""));
  }
  if (!layout.lines().ends_at(end)) layout.lose();
  const std::size_t indentation = static_cast<std::size_t>(map.keys.front().at.column - 1);
  for (const Member& member : members)
    patch.insert(layout.lines().end(end), std::string(layout.lines().ending(end)) +
                                              std::string(indentation, ' ') + written(member, style));
}

Patched change_map(const WrittenNodes& nodes, const Value& map, const std::vector<Member>& members) {
  if (map.use == Value::Use::shared)
    return base::unexpected(std::string(
        "an alias repeats it elsewhere, so that several places would change; write it out there"));
  Patch patch;
  std::vector<Member> more;
  for (const Member& member : members) {
    const std::size_t at = find(map, member.key);
    if (at == Layout::kNone) {
      more.push_back(member);
      continue;
    }
    const Value& value = *map.items[at];
    if (const std::string why = why_not(value, member); !why.empty()) return base::unexpected(why);
    replace(nodes.layout, map, value, member, patch);
  }
  if (!more.empty()) append(nodes, map, more, patch);
  return patch;
}

}  // namespace

Patched change_node(const WrittenNodes& nodes, std::size_t index, const Node& from, const Node& to) {
  const Value& item = nodes.item(index);
  const std::vector<Member> members = differing(from, to);
  if (item.use == Value::Use::alias)
    return base::unexpected(std::string(
        "it is an alias of what stands elsewhere in the file, so that several places would change; "
        "write it out"));
  return item.kind == Value::Kind::map ? change_map(nodes, item, members) : wrap(nodes, item, members);
}

}  // namespace weir::config
