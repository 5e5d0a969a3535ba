#include "proxy/observe/escape.h"

#include "tests/unit/catch.h"

namespace weir::observe {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

// What a byte becomes, said in another way than the code does.
std::string expected(unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  if (c == '"') return "\\\"";
  if (c == '\\') return "\\\\";
  if (c >= ' ' && c <= '~') return {static_cast<char>(c)};
  return std::string("\\u00") + kHex[c / 16] + kHex[c % 16];
}

}  // namespace

TEST_CASE("each byte is escaped as it must be, at any place of a text of any length") {
  for (unsigned c = 0; c < 256; ++c)
    for (std::size_t size = 1; size <= 20; ++size)
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'a');
        text[at] = static_cast<char>(c);
        const std::string whole =
            std::string(at, 'a') + expected(static_cast<unsigned char>(c)) + std::string(size - at - 1, 'a');
        if (escaped(text) != whole) FAIL(c << " at " << at << " of " << size << ": " << escaped(text));
      }
}

TEST_CASE("texts with many bytes to escape keep their order") {
  CHECK(escaped("\"\"\\\x7f\xff\x01plain \"text\" that goes on\n") ==
        R"(\"\"\\\u007f\u00ff\u0001plain \"text\" that goes on\u000a)");
  CHECK(escaped("").empty());
}

}  // namespace weir::observe
