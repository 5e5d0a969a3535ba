#include "proxy/http/percent.h"

#include "proxy/base/ascii.h"

namespace weir::http {

std::string percent_decoded(std::string_view segment) {
  std::string decoded;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const bool whole = segment[i] == '%' && segment.size() - i > 2;
    const int high = whole ? base::hex_value(segment[i + 1]) : -1;
    const int low = whole ? base::hex_value(segment[i + 2]) : -1;
    if (high < 0 || low < 0) {
      decoded += segment[i];
      continue;
    }
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      encoded += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte / 16];
    encoded += kDigits[byte % 16];
  }
  return encoded;
}

}  // namespace weir::http
