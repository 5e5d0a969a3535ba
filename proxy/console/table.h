// Aligned columns of plain ASCII, as lines for a terminal, a pipe or a test. Where the width is too small,
// the columns that matter least are left out, then lines are cut. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace weir::console {

enum class Tone : std::uint8_t { plain, good, bad, warn, faint, title };
enum class Colours : std::uint8_t { off, on };

// In the tone's colour, and back to normal behind it.
std::string painted(std::string_view text, Tone tone, Colours colours);

inline constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

struct Column {
  std::string_view title;
  enum class Align : std::uint8_t { left, right } align = Align::left;
  int rank = 0;                   // the highest are the first to go where there is no room; 0: never
  std::size_t enough = kNoLimit;  // for more than this width of it, no other column goes
};

struct Cell {
  std::string text;  // printable ASCII
  Tone tone = Tone::plain;
};

using Row = std::vector<Cell>;  // a cell a column

// A line that fits, its last column showing ">" where it was cut.
std::string cut(std::string_view text, std::size_t width);

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(Row row) { rows_.push_back(std::move(row)); }
  std::size_t size() const { return rows_.size(); }
  // The titles, then `most` rows from `first` on. Columns are as wide as all rows need, so that scrolling
  // moves none.
  std::vector<std::string> lines(std::size_t width, Colours colours, std::size_t first = 0,
                                 std::size_t most = kNoLimit) const;

 private:
  struct Shown {
    std::size_t column;
    std::size_t width;
  };
  std::vector<Shown> fit(std::size_t width) const;
  std::string line(const Row& row, const std::vector<Shown>& shown, std::size_t width, Colours colours) const;

  std::vector<Column> columns_;
  std::vector<Row> rows_;
};

}  // namespace weir::console
