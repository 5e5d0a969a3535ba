// The lines of a text, as editors and YAML's positions count them: each ends with \n, or \r\n, or with the
// text. Offsets are bytes. A plain value that looks at a text which outlives it; any offset is taken, and
// what is returned lies within the text.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/config/diagnostic.h"

namespace weir::config {

class Lines {
 public:
  explicit Lines(std::string_view text);

  std::string_view text() const { return text_; }
  // Where a value's position is. A byte order mark belongs to no column.
  std::size_t offset(Position at) const;
  // Of the line that holds the byte `at`.
  std::size_t begin(std::size_t at) const;
  std::size_t end(std::size_t at) const;   // before its line ending
  std::size_t next(std::size_t at) const;  // behind its line ending
  // What that line ends with, or what the first one does if it ends with the text.
  std::string_view ending(std::size_t at) const;
  // Nothing but spaces and tabs from the line's begin.
  bool begins_at(std::size_t at) const;
  // Nothing but spaces, tabs and a comment to the line's end.
  bool ends_at(std::size_t at) const;

 private:
  // The begin of the line behind that of `at`.
  std::vector<std::size_t>::const_iterator after(std::size_t at) const;

  std::string_view text_;
  std::vector<std::size_t> begins_;
};

}  // namespace weir::config
