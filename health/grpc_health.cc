#include "health/grpc_health.h"

#include <algorithm>
#include <optional>

namespace weir::health {
namespace {

constexpr std::size_t kFrameHead = 5;  // compressed or not, four bytes of length
// Protocol Buffers: the first field, as text and as a number.
constexpr char kFirstText = 0x0a, kFirstNumber = 0x08;

std::size_t length_of(std::string_view frame) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < kFrameHead; ++i) length = length << 8 | static_cast<std::uint8_t>(frame[i]);
  return length;
}

// Takes a number of variable length off the front.
std::optional<std::uint64_t> take_number(std::string_view& rest) {
  std::uint64_t number = 0;
  for (unsigned shift = 0; shift < 64 && !rest.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(rest.front());
    rest.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

// The value of a field that is of no interest.
bool skip(std::string_view& rest, std::uint64_t tag) {
  std::optional<std::uint64_t> size;
  switch (tag & 7) {
    case 0:
      return take_number(rest).has_value();
    case 1:
      size = 8;
      break;
    case 2:
      size = take_number(rest);
      break;
    case 5:
      size = 4;
      break;
    default:
      return false;
  }
  if (!size || *size > rest.size()) return false;
  rest.remove_prefix(static_cast<std::size_t>(*size));
  return true;
}

}  // namespace

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += kFirstText;
    message += static_cast<char>(service.size());
    message += service;
  }
  std::string framed(kFrameHead - 1, '\0');
  framed += static_cast<char>(message.size());
  return framed += message;
}

void GrpcHealthAnswer::see(std::string_view piece) {
  seen_ += piece.substr(0, kMost + 1 - std::min(kMost + 1, seen_.size()));
}

GrpcHealthAnswer::Word GrpcHealthAnswer::word() const {
  if (seen_.size() < kFrameHead || seen_.size() > kMost || seen_[0] != 0) return Word::none;
  if (length_of(seen_) != seen_.size() - kFrameHead) return Word::none;
  std::string_view rest = std::string_view(seen_).substr(kFrameHead);
  std::uint64_t status = 0;  // the first of an enumeration stands for itself when it is left out
  while (!rest.empty()) {
    const auto tag = take_number(rest);
    if (!tag) return Word::none;
    if (*tag != static_cast<std::uint64_t>(kFirstNumber)) {
      if (!skip(rest, *tag)) return Word::none;
      continue;
    }
    const auto number = take_number(rest);
    if (!number) return Word::none;
    status = *number;
  }
  return status <= 3 ? static_cast<Word>(status) : Word::unknown;
}

std::string_view word(GrpcHealthAnswer::Word word) {
  switch (word) {
    case GrpcHealthAnswer::Word::unknown:
      return "UNKNOWN";
    case GrpcHealthAnswer::Word::serving:
      return "SERVING";
    case GrpcHealthAnswer::Word::not_serving:
      return "NOT_SERVING";
    case GrpcHealthAnswer::Word::service_unknown:
      return "SERVICE_UNKNOWN";
    case GrpcHealthAnswer::Word::none:
      break;
  }
  return "";
}

}  // namespace weir::health
