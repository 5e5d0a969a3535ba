#include "proxy/io/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "proxy/base/ascii.h"

namespace weir::io {

namespace {

constexpr std::size_t kNameMax = 253;  // RFC 1035 2.3.4, without the root's dot
constexpr std::size_t kLabelMax = 63;

using base::is_digit;
using base::lower;

bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

// Each octet's decimal digits and the dot behind them: addresses are written for every request.
struct Octet {
  char text[4];
  std::uint8_t size;
};
constexpr std::array<Octet, 256> kOctets = [] {
  std::array<Octet, 256> made{};
  for (unsigned value = 0; value < 256; ++value) {
    Octet& octet = made[value];
    if (value >= 100) octet.text[octet.size++] = static_cast<char>('0' + value / 100);
    if (value >= 10) octet.text[octet.size++] = static_cast<char>('0' + value / 10 % 10);
    octet.text[octet.size++] = static_cast<char>('0' + value % 10);
    octet.text[octet.size++] = '.';
  }
  return made;
}();

// Decimal without sign or leading zeros.
std::optional<unsigned> parse_number(std::string_view text, unsigned most) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > most) return std::nullopt;
  return value;
}

bool read_bytes(int family, std::string_view text, void* bytes) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.size() >= sizeof copy || text.find('\0') != text.npos) return false;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return inet_pton(family, copy, bytes) == 1;
}

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
         bytes[10] == 0xff && bytes[11] == 0xff;
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > kLabelMax || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; });
}

// A last label such as 1 or 0x7f makes resolvers read the whole name as an IPv4 address of an odd spelling.
bool is_number_label(std::string_view label) {
  if (std::all_of(label.begin(), label.end(), is_digit)) return true;
  return label.size() >= 2 && label[0] == '0' && lower(label[1]) == 'x' &&
         std::all_of(label.begin() + 2, label.end(), [](char c) { return base::hex_value(c) >= 0; });
}

bool is_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kNameMax) return false;
  for (;;) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == name.npos) return !is_number_label(label);
    name.remove_prefix(dot + 1);
  }
}

std::optional<Address> parse_unix(std::string_view path) {
  if (path.size() > kLongestUnixPath || !path.starts_with('/') || path.ends_with('/')) return std::nullopt;
  if (std::any_of(path.begin(), path.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    return std::nullopt;
  return Address{Address::Kind::unix_path, 0, {}, std::string(path)};
}

// RFC 5952: lower-case hex without leading zeros, the first longest run of two or more zero groups as ::.
std::string v6_text(const std::array<std::uint8_t, 16>& bytes) {
  std::array<unsigned, 8> groups;
  for (std::size_t i = 0; i < 8; ++i) groups[i] = bytes[2 * i] * 256u + bytes[2 * i + 1];
  std::size_t run_at = 8, run_size = 1;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_size) run_at = i, run_size = end - i;
  }
  std::string text;
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == run_at) {
      text += "::";
      i += run_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[4];
    text.append(digits, std::to_chars(digits, digits + 4, groups[i], 16).ptr);
  }
  return text;
}

}  // namespace

std::optional<Ip> Ip::parse(std::string_view text) {
  Ip ip;
  if (text.find(':') == text.npos) {
    ip.family = Family::v4;
    if (!read_bytes(AF_INET, text, ip.bytes.data())) return std::nullopt;
    return ip;
  }
  ip.family = Family::v6;
  if (!read_bytes(AF_INET6, text, ip.bytes.data())) return std::nullopt;
  if (!is_mapped(ip.bytes)) return ip;
  Ip v4{Family::v4, {}};
  std::copy(ip.bytes.begin() + 12, ip.bytes.end(), v4.bytes.begin());
  return v4;
}

std::string Ip::text() const {
  if (family == Family::none) return {};
  if (family == Family::v6) return v6_text(bytes);
  char text[16];
  char* at = text;
  for (std::size_t i = 0; i < 4; ++i) {
    const Octet& octet = kOctets[bytes[i]];
    std::memcpy(at, octet.text, 4);
    at += octet.size;
  }
  return {text, at - 1};
}

std::string Ip::peer_text() const {
  return family == Family::none ? std::string(kUnixPeer) : text();
}

bool Ip::is_any() const {
  return family != Family::none && bytes == std::array<std::uint8_t, 16>{};
}

bool Ip::is_loopback() const {
  if (family == Family::v4) return bytes[0] == 127;
  return family == Family::v6 && bytes.back() == 1 && std::count(bytes.begin(), bytes.end(), 0) == 15;
}

Ip Ip::network(unsigned bits) const {
  Ip network = *this;
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned kept = bits <= 8 * i ? 0 : std::min(8u, bits - 8 * i);
    network.bytes[i] &= static_cast<std::uint8_t>(0xff00u >> kept);
  }
  return network;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  if (text == "unix") return IpPrefix{};
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  const std::optional<Ip> ip = Ip::parse(address);
  if (!ip) return std::nullopt;
  const unsigned width = ip->family == Ip::Family::v4 ? 32 : 128;
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8; a shorter one would hold more than IPv4.
  const unsigned spare = width == 32 && address.find(':') != address.npos ? 96 : 0;
  unsigned bits = width + spare;
  if (slash != text.npos) {
    const auto given = parse_number(text.substr(slash + 1), width + spare);
    if (!given || *given < spare) return std::nullopt;
    bits = *given;
  }
  bits -= spare;
  return IpPrefix{ip->network(bits), static_cast<std::uint8_t>(bits)};
}

bool IpPrefix::contains(const Ip& other) const {
  if (other.family != ip.family) return false;
  const std::size_t whole = bits / 8;
  if (std::memcmp(ip.bytes.data(), other.bytes.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((ip.bytes[whole] ^ other.bytes[whole]) & (0xff00u >> rest) & 0xffu) == 0;
}

std::optional<Address> Address::parse(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text.substr(5));
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = parse_number(text.substr(colon + 1), 65535);
  std::string_view host = text.substr(0, colon);
  if (!port || host.empty()) return std::nullopt;
  Address address{Kind::ip, static_cast<std::uint16_t>(*port), {}, {}};
  const bool bracketed = host.front() == '[';
  if (bracketed) {
    if (!host.ends_with(']')) return std::nullopt;
    host = host.substr(1, host.size() - 2);
  }
  // IPv6 stands in brackets, and nothing else does.
  if (bracketed != (host.find(':') != host.npos)) return std::nullopt;
  if (const auto ip = Ip::parse(host)) {
    address.ip = *ip;
    return address;
  }
  if (bracketed || !is_name(host)) return std::nullopt;
  address.kind = Kind::name;
  address.text_.resize(host.size());
  std::transform(host.begin(), host.end(), address.text_.begin(), lower);
  return address;
}

std::string Address::text() const {
  if (kind == Kind::unix_path) return "unix:" + text_;
  std::string host = kind == Kind::name ? text_ : ip.text();
  if (kind == Kind::ip && ip.family == Ip::Family::v6) host = "[" + host + "]";
  return host + ":" + std::to_string(port);
}

}  // namespace weir::io
