// A token of RFC 9110 5.6.2: methods, field names, options, protocols. As branch-free as it can be.
#pragma once

#include <array>
#include <string_view>

namespace weir::http {

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

constexpr bool is_token(std::string_view text) {
  bool good = !text.empty();
  for (char c : text) good &= is_token_char(c);
  return good;
}

}  // namespace weir::http
