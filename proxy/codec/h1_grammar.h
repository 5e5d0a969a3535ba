// The character classes and small productions of RFC 9110 5.6 and RFC 9112, as branch-free as they can be:
// everything that decides whether bytes are well-formed HTTP/1.1 starts here. Pure functions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/codec/byte_scan.h"

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

// field-value: no control character but HTAB.
inline bool is_field_value(std::string_view text) {
  return find_first<Control>(text, 0) == text.size();
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
