// Where the values of a YAML text stand in its bytes. The library says where a value begins; where it ends,
// and what stands between values, is found here, along the tree that it read. A text that does not go on as
// the tree says makes it lost(): what it returns then lies within the text and means nothing, so who edits
// the text asks in the end.
#pragma once

#include <string_view>

#include "proxy/config/lines.h"
#include "proxy/config/value.h"

namespace weir::config {

class Layout {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  explicit Layout(std::string_view text) : lines_(text), text_(text) {}

  const Lines& lines() const { return lines_; }
  std::string_view text() const { return text_; }
  std::string_view text(std::size_t begin, std::size_t end) const { return text_.substr(begin, end - begin); }
  bool lost() const { return lost_; }
  std::size_t lose() { return lost_ = true, text_.size(); }

  // Values as read_written() has them. A value begins with its anchor, and its content behind that.
  std::size_t begin(const Value& value) const { return lines_.offset(value.at); }
  std::size_t content(const Value& value) const;
  std::size_t end(const Value& value);
  bool has_anchor(const Value& value) const { return begin(value) != content(value); }
  std::size_t anchor_end(const Value& value) const;  // its begin, if it has none
  // Behind the colon of a key.
  std::size_t colon_end(const Key& key);
  // The - of a block list's item.
  std::size_t dash(const Value& list, std::size_t index);
  // The comma behind a flow list's item that ends at `at`; kNone: a bracket is next.
  std::size_t comma(std::size_t at) const;
  // '"' or '\'' if what begins there is quoted, else 0.
  char quote(std::size_t at) const;
  char at(std::size_t offset) const { return offset < text_.size() ? text_[offset] : '\0'; }

 private:
  std::size_t skip_blanks(std::size_t at) const;
  std::size_t skip_word(std::size_t at) const;
  std::size_t end_of_scalar(std::size_t at, std::string_view written);
  std::size_t end_of_quoted(std::size_t at);
  std::size_t end_of_written(std::size_t at, std::string_view written);
  std::size_t end_of_flow(const Value& value);
  std::size_t expect(char c, std::size_t at) { return this->at(at) == c ? at : lose(); }

  Lines lines_;
  std::string_view text_;
  bool lost_ = false;
};

}  // namespace weir::config
