#include "proxy/console/table.h"

#include <algorithm>

namespace weir::console {
namespace {

constexpr std::size_t kGap = 2;  // blanks between columns

std::string_view code(Tone tone) {
  switch (tone) {
    case Tone::plain:
      return "";
    case Tone::good:
      return "\x1b[32m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::warn:
      return "\x1b[33m";
    case Tone::faint:
      return "\x1b[2m";
    case Tone::title:
      return "\x1b[1m";
  }
  return "";
}

}  // namespace

std::string painted(std::string_view text, Tone tone, Colours colours) {
  if (colours == Colours::off || tone == Tone::plain || text.empty()) return std::string(text);
  return std::string(code(tone)).append(text).append("\x1b[0m");
}

std::string cut(std::string_view text, std::size_t width) {
  if (text.size() <= width) return std::string(text);
  if (width == 0) return {};
  return std::string(text.substr(0, width - 1)) + ">";
}

std::vector<std::string> Table::lines(std::size_t width, Colours colours, std::size_t first,
                                      std::size_t most) const {
  const std::vector<Shown> shown = fit(width);
  Row titles;
  for (const Column& column : columns_) titles.push_back({std::string(column.title), Tone::title});
  std::vector<std::string> made = {line(titles, shown, width, colours)};
  for (std::size_t i = first; i < rows_.size() && i - first < most; ++i)
    made.push_back(line(rows_[i], shown, width, colours));
  return made;
}

std::vector<Table::Shown> Table::fit(std::size_t width) const {
  std::vector<Shown> shown;
  std::size_t total = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t widest = columns_[i].title.size();
    for (const Row& row : rows_) widest = std::max(widest, row[i].text.size());
    shown.push_back({i, widest});
    total += std::min(widest, columns_[i].enough) + kGap;
  }
  const auto rank = [&](const Shown& each) { return columns_[each.column].rank; };
  while (total > kGap && total - kGap > width) {
    const auto least = std::max_element(shown.begin(), shown.end(),
                                        [&](const Shown& a, const Shown& b) { return rank(a) < rank(b); });
    if (least == shown.end() || rank(*least) == 0) break;
    total -= std::min(least->width, columns_[least->column].enough) + kGap;
    shown.erase(least);
  }
  return shown;
}

std::string Table::line(const Row& row, const std::vector<Shown>& shown, std::size_t width,
                        Colours colours) const {
  std::string made;
  std::size_t at = 0;    // columns of the terminal used up
  std::size_t owed = 0;  // blanks that come before whatever comes next
  for (const auto& [column, wide] : shown) {
    const Cell& cell = row[column];
    const std::size_t spare = wide - cell.text.size();
    if (columns_[column].align == Column::Align::right) owed += spare;
    if (!cell.text.empty()) {
      if (at + owed >= width) break;
      const std::string text = cut(cell.text, width - at - owed);
      made.append(owed, ' ').append(painted(text, cell.tone, colours));
      at += owed + text.size();
      owed = 0;
    }
    if (columns_[column].align == Column::Align::left) owed += spare;
    owed += kGap;
  }
  return made;
}

}  // namespace weir::console
