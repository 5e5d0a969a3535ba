#include "proxy/config/lines.h"

#include <algorithm>

#include "proxy/config/utf8.h"

namespace weir::config {

Lines::Lines(std::string_view text) : text_(text) {
  begins_.push_back(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0);
  for (std::size_t at = 0; (at = text.find('\n', at)) != text.npos;) begins_.push_back(++at);
}

std::size_t Lines::offset(Position at) const {
  const auto line = std::min(static_cast<std::size_t>(std::max(at.line, 1)), begins_.size());
  return std::min(begins_[line - 1] + static_cast<std::size_t>(std::max(at.column, 1)) - 1, text_.size());
}

std::size_t Lines::begin(std::size_t at) const {
  return *std::prev(after(at));
}

std::size_t Lines::end(std::size_t at) const {
  const auto next = after(at);
  return next == begins_.end() ? text_.size() : *next - ending(at).size();
}

std::size_t Lines::next(std::size_t at) const {
  const auto next = after(at);
  return next == begins_.end() ? text_.size() : *next;
}

std::string_view Lines::ending(std::size_t at) const {
  auto next = after(at);
  if (next == begins_.end()) next = after(0);
  return next != begins_.end() && text_.substr(0, *next).ends_with("\r\n") ? "\r\n" : "\n";
}

bool Lines::begins_at(std::size_t at) const {
  const std::size_t begin = this->begin(at);
  return text_.substr(begin, at - begin).find_first_not_of(" \t") == text_.npos;
}

bool Lines::ends_at(std::size_t at) const {
  const std::string_view rest = text_.substr(at, end(at) - at);
  const std::size_t first = rest.find_first_not_of(" \t");
  return first == rest.npos || rest[first] == '#';
}

std::vector<std::size_t>::const_iterator Lines::after(std::size_t at) const {
  return std::upper_bound(begins_.begin() + 1, begins_.end(), at);
}

}  // namespace weir::config
