#include "proxy/codec/websocket_key.h"

#include "proxy/base/base64.h"

namespace weir::codec {
namespace {

constexpr std::size_t kBytes = 16;

// splitmix64
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

std::string make_websocket_key(std::uint64_t& state) {
  std::string bytes;
  while (bytes.size() < kBytes) {
    std::uint64_t random = next_random(state);
    for (std::size_t i = 0; i < 8; ++i, random >>= 8) bytes += static_cast<char>(random & 0xff);
  }
  return base::to_base64(bytes);
}

}  // namespace weir::codec
