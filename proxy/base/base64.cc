#include "proxy/base/base64.h"

#include <array>
#include <cstdint>

namespace weir::base {
namespace {

constexpr char kBase64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int8_t kNoDigit = -1;

constexpr std::array<std::int8_t, 256> kBase64Values = [] {
  std::array<std::int8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::int8_t value = 0; value < 64; ++value) values[static_cast<unsigned char>(kBase64[value])] = value;
  return values;
}();

// Whether it is a group; bits that no byte needs must not be set.
bool add_group(std::string_view group, std::string& out) {
  const std::size_t padding = group[3] != '=' ? 0 : group[2] != '=' ? 1 : 2;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int8_t value =
        i < 4 - padding ? kBase64Values[static_cast<unsigned char>(group[i])] : std::int8_t{0};
    if (value == kNoDigit) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
  }
  const std::uint32_t unused = padding == 0 ? 0 : padding == 1 ? 0xff : 0xffff;
  if ((bits & unused) != 0) return false;
  for (std::size_t i = 0; i < 3 - padding; ++i) out += static_cast<char>(bits >> (16 - 8 * i) & 0xff);
  return true;
}

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0u);
    for (std::size_t i = 0; i < 4; ++i) text += i <= group.size() ? kBase64[bits >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t at = 0; at < text.size(); at += 4)
    if (!add_group(text.substr(at, 4), bytes)) return std::nullopt;
  return bytes;
}

}  // namespace weir::base
