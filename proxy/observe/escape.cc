#include "proxy/observe/escape.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace weir::observe {
namespace {

constexpr std::array<bool, 256> kEscaped = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = true;
  for (std::size_t c = 0x7f; c < 256; ++c) table[c] = true;  // bytes that may not be UTF-8
  table['"'] = table['\\'] = true;
  return table;
}();

// The same byte in each of the eight.
constexpr std::uint64_t all(unsigned char c) {
  return std::uint64_t{0x0101010101010101} * c;
}

// Whether one of the bytes is below `limit`, which is 0x80 at most; the borrow of a byte that is below may
// mark its neighbour too, which changes nothing.
constexpr bool has_below(std::uint64_t bytes, unsigned char limit) {
  return ((bytes - all(limit)) & ~bytes & all(0x80)) != 0;
}

constexpr bool has(std::uint64_t bytes, unsigned char c) {
  return has_below(bytes ^ all(c), 1);
}

bool is_plain(const char* eight) {
  std::uint64_t bytes;
  std::memcpy(&bytes, eight, sizeof bytes);
  return (bytes & all(0x80)) == 0 && !has_below(bytes, 0x20) && !has(bytes, 0x7f) && !has(bytes, '"') &&
         !has(bytes, '\\');
}

// Where the next byte that is escaped stands, from `at` on; text.size() if there is none.
std::size_t find_escaped(std::string_view text, std::size_t at) {
  while (at + 8 <= text.size() && is_plain(text.data() + at)) at += 8;
  while (at < text.size() && !kEscaped[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  std::size_t plain = 0;
  for (std::size_t i = find_escaped(text, 0); i < text.size(); i = find_escaped(text, i + 1)) {
    auto c = static_cast<unsigned char>(text[i]);
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[i];
    } else {
      constexpr std::string_view kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
  }
  out.append(text.substr(plain));
}

}  // namespace weir::observe
