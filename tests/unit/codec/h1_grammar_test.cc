// The character classes byte by byte, and the small productions.
#include "proxy/codec/h1_grammar.h"

#include <random>
#include <string>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir::codec;

namespace {

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";  // RFC 9110 5.6.2

bool letter_or_digit(int c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool may_stand_in_a_value(int c) {
  return c == '\t' || (c >= 0x20 && c != 0x7f);
}

std::vector<std::string> elements(std::string_view list) {
  std::vector<std::string> all;
  for_each_element(list, [&](std::string_view element) { all.emplace_back(element); });
  return all;
}

}  // namespace

TEST_CASE("token characters are RFC 9110's and no others") {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool good = letter_or_digit(c) || (c != 0 && kTokenMarks.find(byte) != kTokenMarks.npos);
    INFO(c);
    CHECK(is_token_char(byte) == good);
    CHECK(is_token(std::string(1, byte)) == good);
    CHECK(is_token(std::string("X-") + byte + "y") == good);
  }
  CHECK_FALSE(is_token(""));
}

TEST_CASE("a field value holds no control character, wherever it stands and however long the value is") {
  for (int c = 0; c < 256; ++c)
    for (std::size_t size : {1, 2, 7, 8, 9, 15, 16, 17, 31})
      for (std::size_t at = 0; at < size; ++at) {
        std::string text(size, 'x');
        text[at] = static_cast<char>(c);
        INFO(c << " at " << at << " of " << size);
        REQUIRE(is_field_value(text) == may_stand_in_a_value(c));
      }
  CHECK(is_field_value(""));
}

TEST_CASE("field values of any bytes are judged like byte by byte") {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::string text(random() % 40, ' ');
    bool good = true;
    for (char& c : text) {
      c = static_cast<char>(random() % 8 == 0 ? random() % 256 : 0x20 + random() % 0xe0);
      good = good && may_stand_in_a_value(static_cast<unsigned char>(c));
    }
    REQUIRE(is_field_value(text) == good);
  }
}

TEST_CASE("optional white space is blanks and tabs, and nothing else") {
  CHECK(trim(" \t a b\t ") == "a b");
  CHECK(trim("\x0b\x61\r") == "\x0b\x61\r");
  CHECK(trim(" \t ").empty());
  CHECK(trim("").empty());
}

TEST_CASE("decimals are digits alone, at most 19 of them") {
  CHECK(parse_decimal("0") == 0u);
  CHECK(parse_decimal("007") == 7u);
  CHECK(parse_decimal("9223372036854775807") == 9223372036854775807u);
  CHECK_FALSE(parse_decimal("9223372036854775808"));
  CHECK_FALSE(parse_decimal("9999999999999999999"));
  for (std::string_view bad :
       {"", " 1", "1 ", "+1", "-1", "0x1", "1,1", "1.0", "1e3", "10000000000000000000", "\xd9\xa5"})
    CHECK_FALSE(parse_decimal(bad));
  for (int c = 0; c < 256; ++c) {
    INFO(c);
    CHECK(parse_decimal(std::string(1, static_cast<char>(c))).has_value() == (c >= '0' && c <= '9'));
  }
}

TEST_CASE("lists: empty elements are passed over") {
  CHECK(elements("a, b\t,c") == std::vector<std::string>{"a", "b", "c"});
  CHECK(elements(" ,, a , ,") == std::vector<std::string>{"a"});
  CHECK(elements("").empty());
  CHECK(elements("a b") == std::vector<std::string>{"a b"});
}

TEST_CASE("chunk sizes are hexadecimal digits, below 2^63") {
  CHECK(parse_chunk_line("0") == 0u);
  CHECK(parse_chunk_line("000") == 0u);
  CHECK(parse_chunk_line("fF") == 255u);
  CHECK(parse_chunk_line("7fffffffffffffff") == 0x7fffffffffffffffu);
  CHECK(parse_chunk_line("0000000000000001") == 1u);
  for (std::string_view bad : {"",
                               " ",
                               "8000000000000000",
                               "ffffffffffffffff",
                               "10000000000000000",
                               "00000000000000001",
                               "g",
                               "0x1",
                               "+1",
                               "-1",
                               " 1",
                               "1 ",
                               "1\t",
                               "1 1",
                               "1,",
                               "1\r",
                               "\t1",
                               "1.0",
                               "1h",
                               "\"1\""})
    CHECK_FALSE(parse_chunk_line(bad));
}

TEST_CASE("the first byte of a chunk line is a hexadecimal digit, the second one or a semicolon") {
  for (int c = 0; c < 256; ++c) {
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    INFO(c);
    CHECK(parse_chunk_line(std::string(1, static_cast<char>(c))).has_value() == hex);
    CHECK(parse_chunk_line(std::string("1") + static_cast<char>(c)).has_value() == hex);
    CHECK(parse_chunk_line(std::string("1") + static_cast<char>(c) + "a").has_value() == (hex || c == ';'));
  }
}

TEST_CASE("chunk extensions are names with or without a value") {
  for (std::string_view good : {"1;a", "1;a=b", "1;a=b;c", "1;a=\"b;c\"", "1;a=\"\\\"\"", "1;a=\"\"",
                                "1 ; a = b", "1\t;\ta", "1;a=\"\xe9\t \""})
    CHECK(parse_chunk_line(good) == 1u);
  for (std::string_view bad :
       {"1;", "1;;a", "1;=b", "1;a=", "1;a=\"b", "1;a=\"b\"c", "1;a b", "1;a=b c", "1;\xe9", "1;a=\xe9",
        "1;a=\"\\", "1;a=\"\x01\"", "1;a=\"\r\"", "1;a=\"\x7f\"", "1;a\x01", "1;a ", "1;a=b\t"})
    CHECK_FALSE(parse_chunk_line(bad));
}
