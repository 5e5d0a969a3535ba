#include "proxy/codec/h1_grammar.h"

#include <limits>

namespace weir::codec {
namespace {

// Whoever reads a length into a signed number must read the same.
constexpr std::uint64_t kMostBytes = std::numeric_limits<std::int64_t>::max();

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

bool take_token(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_token_char(text[size])) ++size;
  text.remove_prefix(size);
  return size > 0;
}

bool take_quoted(std::string_view& text) {  // the opening quote is still there
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\' && ++i == text.size()) return false;
    if (!is_field_value(text.substr(i, 1))) return false;
  }
  return false;
}

// *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
bool are_extensions(std::string_view text) {
  while (!text.empty()) {
    skip_blanks(text);
    if (text.empty() || text.front() != ';') return false;
    text.remove_prefix(1);
    skip_blanks(text);
    if (!take_token(text)) return false;
    std::string_view rest = text;
    skip_blanks(rest);
    if (rest.empty() || rest.front() != '=') continue;
    rest.remove_prefix(1);
    skip_blanks(rest);
    if (rest.empty()) return false;
    if (!(rest.front() == '"' ? take_quoted(rest) : take_token(rest))) return false;
    text = rest;
  }
  return true;
}

}  // namespace

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (value > kMostBytes) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_chunk_line(std::string_view line) {
  std::size_t digits = 0;
  std::uint64_t size = 0;
  for (int value; digits < line.size() && (value = base::hex_value(line[digits])) >= 0; ++digits) {
    if (size > kMostBytes >> 4) return std::nullopt;
    size = size << 4 | static_cast<std::uint64_t>(value);
  }
  if (digits == 0 || digits > 16) return std::nullopt;
  if (!are_extensions(line.substr(digits))) return std::nullopt;
  return size;
}

}  // namespace weir::codec
