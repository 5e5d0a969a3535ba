// Keys from the bytes that a terminal in raw mode sends. An escape sequence may come in pieces; what is none
// that Weir knows is passed over whole. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::console {

struct Key {
  enum class Kind : std::uint8_t {
    character,
    up,
    down,
    page_up,
    page_down,
    home,
    end,
    enter,
    backspace,
    escape,
    interrupt,  // Ctrl-C
    suspend,    // Ctrl-Z
    redraw,     // Ctrl-L
  } kind = Kind::character;
  char character = 0;  // printable ASCII
  friend bool operator==(const Key&, const Key&) = default;
};

class KeyReader {
 public:
  std::vector<Key> read(std::string_view bytes);
  // Nothing has followed for a while: an escape that waits for the rest of a sequence was the key itself.
  std::vector<Key> settle();
  bool waiting() const { return !held_.empty(); }

 private:
  std::string held_;  // the beginning of a sequence
};

}  // namespace weir::console
