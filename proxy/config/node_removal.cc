#include "proxy/config/node_removal.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/config/section.h"

namespace weir::config {

namespace {

bool is_shared(const Value& item) {
  return item.use == Value::Use::shared ||
         (item.use == Value::Use::once &&
          std::any_of(item.items.begin(), item.items.end(),
                      [](const ValuePtr& each) { return each->use == Value::Use::shared; }));
}

// The first value that takes something from the environment.
const Value* find_environment(const Value& item) {
  if (item.text.find("${") != item.text.npos) return &item;
  for (const ValuePtr& each : item.items)
    if (each->text.find("${") != each->text.npos) return each.get();
  return nullptr;
}

// The lines from that of `begin` to that of `end`. At the end of a text whose last line is not ended, the
// line before is not ended then.
void erase_lines(const Lines& lines, std::size_t begin, std::size_t end, Patch& patch) {
  const std::size_t first = lines.begin(begin), behind = lines.next(end);
  const bool ended = behind > 0 && lines.text()[behind - 1] == '\n';
  if (ended || first == lines.begin(0)) return patch.erase(first, behind);
  patch.erase(lines.end(first - 1), behind);
}

Patch remove_line(const WrittenNodes& nodes, std::size_t index) {
  Layout& layout = nodes.layout;
  const std::size_t dash = layout.dash(nodes.list, index), end = layout.end(nodes.item(index));
  Patch patch;
  if (layout.lost() || !layout.lines().begins_at(dash) || !layout.lines().ends_at(end)) layout.lose();
  if (nodes.list.items.size() == 1) {
    const bool anchored = layout.has_anchor(nodes.list);
    patch.insert(anchored ? layout.anchor_end(nodes.list) : layout.colon_end(nodes.key), " []");
  }
  erase_lines(layout.lines(), dash, end, patch);
  return patch;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == text.npos;
}

// A flow list's item, and the commas around it; kNone: there is none.
struct Part {
  std::size_t begin, end;
  std::size_t comma_before, comma_behind;
};

Part part(const WrittenNodes& nodes, std::size_t index) {
  Layout& layout = nodes.layout;
  Part part{layout.begin(nodes.item(index)), layout.end(nodes.item(index)), Layout::kNone, Layout::kNone};
  if (index > 0) part.comma_before = layout.comma(layout.end(nodes.item(index - 1)));
  part.comma_behind = layout.comma(part.end);
  return part;
}

// Whether nothing else stands on the lines from `begin` to `end`.
bool has_lines(const Lines& lines, std::size_t begin, std::size_t end) {
  return lines.begins_at(begin) && lines.ends_at(end);
}

// The first item of a list, or one that follows a line's end or a comment.
void erase_first(const Layout& layout, const Part& part, Patch& patch) {
  const std::string_view text = layout.text();
  if (part.comma_behind == Layout::kNone) {
    if (part.comma_before != Layout::kNone) patch.erase(part.comma_before, part.comma_before + 1);
    return patch.erase(text.find_last_not_of(" \t", part.begin - 1) + 1, part.end);
  }
  if (is_blank(layout.text(part.end, part.comma_behind)))
    return patch.erase(part.begin,
                       std::min(text.find_first_not_of(" \t", part.comma_behind + 1), text.size()));
  patch.erase(part.begin, part.end);
  patch.erase(part.comma_behind, part.comma_behind + 1);
}

Patch remove_part(const WrittenNodes& nodes, std::size_t index) {
  Layout& layout = nodes.layout;
  const Lines& lines = layout.lines();
  const Part item = part(nodes, index);
  const bool comma_near = item.comma_behind != Layout::kNone && item.comma_behind < lines.end(item.end);
  Patch patch;
  if (layout.lost()) return patch;
  if (has_lines(lines, item.begin, comma_near ? item.comma_behind + 1 : item.end)) {
    erase_lines(lines, item.begin, item.end, patch);
    const std::size_t comma = item.comma_behind == Layout::kNone ? item.comma_before : item.comma_behind;
    if (!comma_near && comma != Layout::kNone) patch.erase(comma, comma + 1);
  } else if (item.comma_before == Layout::kNone ||
             !is_blank(layout.text(item.comma_before + 1, item.begin))) {
    erase_first(layout, item, patch);
  } else if (has_lines(lines, item.comma_before, item.end)) {
    erase_lines(lines, item.comma_before, item.end, patch);
  } else {
    patch.erase(item.comma_before, item.end);
  }
  return patch;
}

}  // namespace

base::Result<Patch, std::string> remove_node(const WrittenNodes& nodes, std::size_t index) {
  const Value& item = nodes.item(index);
  if (is_shared(item))
    return base::unexpected(std::string(
        "an alias repeats it elsewhere in the file, and would stand for nothing; write it out there"));
  if (const Value* value = find_environment(item))
    return base::unexpected(
        fmt::format("the file has {} there, which the environment says; remove it by hand, or write it out",
                    in_quotes(value->text)));
  return nodes.list.style == Value::Style::block ? remove_line(nodes, index) : remove_part(nodes, index);
}

}  // namespace weir::config
