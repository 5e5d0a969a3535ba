// The character classes and small productions of RFC 9110 5.6 and RFC 9112, as branch-free as they can be:
// everything that decides whether bytes are well-formed HTTP/1.1 starts here. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace weir::codec {

namespace detail {
constexpr std::array<bool, 256> token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> kToken = token_table();
}  // namespace detail

constexpr bool is_token_char(char c) {
  return detail::kToken[static_cast<unsigned char>(c)];
}

inline bool is_token(std::string_view text) {
  bool good = !text.empty();
  for (char c : text) good &= is_token_char(c);
  return good;
}

namespace detail {
// Whether any of eight bytes is a control character (HTAB too).
constexpr bool any_control(std::uint64_t bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kTops = 0x8080808080808080;
  const std::uint64_t below_space = (bytes - kOnes * 0x20) & ~bytes;
  const std::uint64_t delete_gone = bytes ^ kOnes * 0x7f;
  const std::uint64_t is_delete = (delete_gone - kOnes) & ~delete_gone;
  return ((below_space | is_delete) & kTops) != 0;
}

inline bool is_field_value_slow(std::string_view text) {
  for (char raw : text) {
    auto c = static_cast<unsigned char>(raw);
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
  }
  return true;
}
}  // namespace detail

// field-value: no control character but HTAB. Bytes from 0x80 on are obs-text. Eight bytes at a time, the
// last eight overlapping those before; any control character leaves the decision to the slow way.
inline bool is_field_value(std::string_view text) {
  if (text.size() < 8) return detail::is_field_value_slow(text);
  std::uint64_t word;
  for (std::size_t at = 0; at + 8 <= text.size(); at += 8) {
    std::memcpy(&word, text.data() + at, 8);
    if (detail::any_control(word)) return detail::is_field_value_slow(text);
  }
  std::memcpy(&word, text.data() + text.size() - 8, 8);
  return !detail::any_control(word) || detail::is_field_value_slow(text);
}

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

constexpr std::string_view trim(std::string_view text) {  // OWS on both ends
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Decimal digits only, at most 19 of them, so that nothing overflows.
std::optional<std::uint64_t> parse_decimal(std::string_view text);

// Calls f(element) for each non-empty element of a comma-separated list, without its white space.
template <class F>
void for_each_element(std::string_view list, F&& f) {
  while (!list.empty()) {
    std::size_t comma = list.find(',');
    std::string_view element = trim(list.substr(0, comma));
    if (!element.empty()) f(element);
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

// A chunk's first line without its CRLF (RFC 9112 7.1): the size, or nothing where the line is not strictly
// one.
std::optional<std::uint64_t> parse_chunk_line(std::string_view line);

}  // namespace weir::codec
