// find_first gives the same answer as looking at one byte after the other, whatever the length, the alignment
// and what lies around the text.
#include "proxy/codec/byte_scan.h"

#include <string>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir::codec;

namespace {

template <class Kind>
std::size_t naive(std::string_view text, std::size_t at) {
  while (at < text.size() && !Kind::is(text[at])) ++at;
  return at;
}

// Every length up to a few times sixteen, every place of one hit and every place to begin from; in memory of
// just that size, so that a sanitizer sees what is read beyond.
template <class Kind>
void compare(char filler, char hit) {
  for (std::size_t size = 0; size <= 50; ++size) {
    for (std::size_t place = 0; place <= size; ++place) {
      std::vector<char> bytes(size, filler);
      if (place < size) bytes[place] = hit;
      const std::string_view text(bytes.data(), size);
      for (std::size_t at = 0; at <= size; ++at) REQUIRE(find_first<Kind>(text, at) == naive<Kind>(text, at));
    }
  }
}

}  // namespace

TEST_CASE("a byte is found wherever it stands") {
  compare<Exactly<':'>>('a', ':');
  compare<Exactly<'\n'>>('\r', '\n');
  compare<Control>('a', '\r');
  compare<Control>('\t', '\x7f');
}

TEST_CASE("the first of several is found, and none beyond the text") {
  const std::string text = std::string(20, 'a') + ":::" + std::string(20, 'a') + ":";
  for (std::size_t size = 0; size <= text.size(); ++size)
    for (std::size_t at = 0; at <= size; ++at)
      REQUIRE(find_first<Exactly<':'>>(std::string_view(text).substr(0, size), at) ==
              naive<Exactly<':'>>(std::string_view(text).substr(0, size), at));
}

TEST_CASE("every byte is of the same kind among sixteen as alone") {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const auto u = static_cast<unsigned char>(byte);
    INFO(c);
    CHECK(Control::is(byte) == ((u < 0x20 && u != '\t') || u == 0x7f));
    for (std::size_t place = 0; place < 16; ++place) {
      std::string text(16, 'a');
      text[place] = byte;
      REQUIRE(find_first<Control>(text, 0) == (Control::is(byte) ? place : 16));
      REQUIRE(find_first<Exactly<'\xe9'>>(text, 0) == (byte == '\xe9' ? place : 16));
    }
  }
}
