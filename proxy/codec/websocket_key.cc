#include "proxy/codec/websocket_key.h"

#include <array>

namespace weir::codec {
namespace {

constexpr std::size_t kBytes = 16;
constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// splitmix64
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

std::string make_websocket_key(std::uint64_t& state) {
  std::array<std::uint8_t, kBytes + 2> bytes{};  // whole triplets
  for (std::size_t at = 0; at < kBytes; at += 8) {
    std::uint64_t random = next_random(state);
    for (std::size_t i = 0; i < 8; ++i, random >>= 8) bytes[at + i] = static_cast<std::uint8_t>(random);
  }
  std::string key;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const unsigned triplet = bytes[at] << 16u | bytes[at + 1] << 8u | bytes[at + 2];
    for (int shift = 18; shift >= 0; shift -= 6) key += kDigits[triplet >> shift & 63];
  }
  key.replace(key.size() - 2, 2, "==");
  return key;
}

}  // namespace weir::codec
