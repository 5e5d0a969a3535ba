#include "proxy/console/key_reader.h"

#include <optional>
#include <utility>

namespace weir::console {
namespace {

constexpr char kEscape = '\x1b';
constexpr std::size_t kLongestSequence = 32;

// What follows ESC [ or ESC O, its last byte included.
std::optional<Key::Kind> sequence_key(std::string_view sequence) {
  constexpr std::pair<std::string_view, Key::Kind> kKnown[] = {
      {"A", Key::Kind::up},         {"B", Key::Kind::down}, {"5~", Key::Kind::page_up},
      {"6~", Key::Kind::page_down}, {"H", Key::Kind::home}, {"F", Key::Kind::end},
      {"1~", Key::Kind::home},      {"4~", Key::Kind::end}, {"7~", Key::Kind::home},
      {"8~", Key::Kind::end},
  };
  for (const auto& [bytes, kind] : kKnown)
    if (sequence == bytes) return kind;
  return std::nullopt;
}

// Bytes of the sequence at the front, which begins with ESC; 0: it may go on.
std::size_t sequence_size(std::string_view bytes) {
  if (bytes.size() == 1) return 0;
  if (bytes[1] == 'O') return bytes.size() < 3 ? 0 : 3;
  if (bytes[1] != '[') return 1;
  for (std::size_t i = 2; i < bytes.size(); ++i)
    if (bytes[i] >= 0x40 && bytes[i] <= 0x7e) return i + 1;
  return bytes.size() < kLongestSequence ? 0 : bytes.size();
}

std::optional<Key> plain_key(char byte) {
  switch (byte) {
    case '\r':
    case '\n':
      return Key{Key::Kind::enter};
    case '\x7f':
    case '\b':
      return Key{Key::Kind::backspace};
    case '\x03':
      return Key{Key::Kind::interrupt};
    case '\x1a':
      return Key{Key::Kind::suspend};
    case '\x0c':
      return Key{Key::Kind::redraw};
    default:
      if (byte < 0x20 || byte > 0x7e) return std::nullopt;
      return Key{Key::Kind::character, byte};
  }
}

}  // namespace

std::vector<Key> KeyReader::read(std::string_view bytes) {
  held_.append(bytes);
  std::vector<Key> keys;
  std::size_t at = 0;
  while (at < held_.size()) {
    const std::string_view rest = std::string_view(held_).substr(at);
    const bool sequence = rest[0] == kEscape;
    const std::size_t size = sequence ? sequence_size(rest) : 1;
    if (size == 0) break;
    if (sequence && size == 1)
      keys.push_back({Key::Kind::escape});
    else if (const auto kind = sequence ? sequence_key(rest.substr(2, size - 2)) : std::nullopt)
      keys.push_back({*kind});
    else if (const auto key = sequence ? std::nullopt : plain_key(rest[0]))
      keys.push_back(*key);
    at += size;
  }
  held_.erase(0, at);
  return keys;
}

std::vector<Key> KeyReader::settle() {
  const bool alone = held_ == std::string_view(&kEscape, 1);
  held_.clear();
  if (!alone) return {};
  return {Key{Key::Kind::escape}};
}

}  // namespace weir::console
