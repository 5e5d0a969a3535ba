// Every byte is what it is in ASCII, and nothing else.
#include "proxy/base/ascii.h"

#include <cctype>

#include "tests/unit/catch.h"

using namespace weir::base;

TEST_CASE("letters, digits and blanks are those of ASCII") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool ascii = byte < 128;
    INFO(byte);
    CHECK(is_digit(c) == (ascii && std::isdigit(byte)));
    CHECK(lower(c) == (ascii ? static_cast<char>(std::tolower(byte)) : c));
    CHECK((hex_value(c) >= 0) == (ascii && std::isxdigit(byte)));
    CHECK(is_blank(c) == (c == ' ' || c == '\t'));
  }
  CHECK(hex_value('0') == 0);
  CHECK(hex_value('9') == 9);
  CHECK(hex_value('a') == 10);
  CHECK(hex_value('F') == 15);
}

TEST_CASE("blanks go from both ends and stay within") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim("\n a ") == "\n a");
  CHECK(trim(" \t ").empty());
  CHECK(trim("").empty());
}
