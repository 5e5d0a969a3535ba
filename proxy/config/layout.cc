#include "proxy/config/layout.h"

#include <algorithm>

namespace weir::config {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

bool is_blank(char c) {
  return kBlanks.find(c) != kBlanks.npos;
}

}  // namespace

std::size_t Layout::content(const Value& value) const {
  std::size_t at = begin(value);
  while (this->at(at) == '&' || this->at(at) == '!') at = skip_blanks(skip_word(at));
  return at;
}

std::size_t Layout::anchor_end(const Value& value) const {
  std::size_t end = begin(value);
  for (std::size_t at = end; this->at(at) == '&' || this->at(at) == '!'; at = skip_blanks(end))
    end = skip_word(at);
  return end;
}

std::size_t Layout::end(const Value& value) {
  if (value.use == Value::Use::alias) return skip_word(expect('*', begin(value)));
  switch (value.kind) {
    case Value::Kind::scalar:
      return end_of_scalar(content(value), value.text);
    case Value::Kind::list:
    case Value::Kind::map:
      if (value.style == Value::Style::flow) return end_of_flow(value);
      return value.items.empty() ? lose() : end(*value.items.back());
    case Value::Kind::null:
    case Value::Kind::bad:
      break;
  }
  return lose();
}

std::size_t Layout::colon_end(const Key& key) {
  std::size_t at = lines_.offset(key.at);
  if (this->at(at) == '&' || this->at(at) == '*' || this->at(at) == '!') return lose();
  at = expect(':', skip_blanks(end_of_scalar(at, key.text)));
  return std::min(at + 1, text_.size());
}

std::size_t Layout::dash(const Value& list, std::size_t index) {
  return expect('-', skip_blanks(index == 0 ? content(list) : end(*list.items[index - 1])));
}

std::size_t Layout::comma(std::size_t at) const {
  const std::size_t next = skip_blanks(at);
  return this->at(next) == ',' ? next : kNone;
}

char Layout::quote(std::size_t at) const {
  const char first = this->at(at);
  return first == '"' || first == '\'' ? first : '\0';
}

// Over comments too, and from line to line.
std::size_t Layout::skip_blanks(std::size_t at) const {
  while (is_blank(this->at(at)) || this->at(at) == '#')
    at = text_[at] == '#' ? std::min(text_.find('\n', at), text_.size()) : at + 1;
  return at;
}

// An anchor or an alias, with the character that says so.
std::size_t Layout::skip_word(std::size_t at) const {
  return std::min(text_.find_first_of(" \t\r\n,[]{}", at), text_.size());
}

std::size_t Layout::end_of_scalar(std::size_t at, std::string_view written) {
  if (quote(at) != 0) return end_of_quoted(at);
  const bool block = this->at(at) == '|' || this->at(at) == '>';
  return end_of_written(block ? lines_.next(at) : at, written);
}

std::size_t Layout::end_of_quoted(std::size_t at) {
  const char quote = text_[at++];
  for (; at < text_.size(); ++at) {
    const bool pair = quote == '"' ? text_[at] == '\\' : text_[at] == quote && this->at(at + 1) == quote;
    if (pair) {
      ++at;
    } else if (text_[at] == quote) {
      return at + 1;
    }
  }
  return lose();
}

// A scalar without quotes may go over several lines, which its value has as blanks; nothing else is changed.
std::size_t Layout::end_of_written(std::size_t at, std::string_view written) {
  for (const char c : written) {
    if (is_blank(c)) continue;
    while (is_blank(this->at(at))) ++at;
    if (this->at(at) != c) return lose();
    ++at;
  }
  return std::min(at, text_.size());
}

// A map of one key may do without braces in a list: [address: 10.0.0.1:80].
std::size_t Layout::end_of_flow(const Value& value) {
  const std::size_t open = content(value);
  const bool bare = at(open) != '[' && at(open) != '{';
  if (bare && value.items.empty()) return lose();
  std::size_t end = value.items.empty() ? open + 1 : this->end(*value.items.back());
  if (bare) return end;
  if (!value.items.empty() && comma(end) != kNone) end = comma(end) + 1;
  end = expect(at(open) == '[' ? ']' : '}', skip_blanks(end));
  return std::min(end + 1, text_.size());
}

}  // namespace weir::config
