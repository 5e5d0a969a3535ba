// Where a listener listens or a node lives: an IP address with a port, a unix socket's path, or a host name
// with a port that is still to be resolved. A plain value.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir::io {

// An IPv4 or IPv6 address; IPv4 in the first four bytes. An IPv4-mapped IPv6 address is read as IPv4. A peer
// on a unix socket has none (family none).
struct Ip {
  static constexpr std::string_view kUnixPeer = "unix:";  // how it is written instead
  enum class Family : std::uint8_t { none, v4, v6 } family = Family::none;
  std::array<std::uint8_t, 16> bytes{};

  static std::optional<Ip> parse(std::string_view text);  // no brackets, no zone
  std::string text() const;                               // empty for family none
  std::string peer_text() const;                          // kUnixPeer for it
  bool is_any() const;                                    // 0.0.0.0 or ::
  bool is_loopback() const;
  Ip network(unsigned bits) const;  // its first bits, the others zero
  friend bool operator==(const Ip&, const Ip&) = default;
};

// Family none: there is no address, as on unix sockets.
struct IpPort {
  Ip ip;
  std::uint16_t port = 0;
  friend bool operator==(const IpPort&, const IpPort&) = default;
};

// A network such as 10.0.0.0/8; a bare address is a network of one. "unix" is where the peers on unix sockets
// are, which have no address (family none).
struct IpPrefix {
  Ip ip;
  std::uint8_t bits = 0;

  static std::optional<IpPrefix> parse(std::string_view text);
  bool contains(const Ip& ip) const;
  friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
};

inline constexpr std::size_t kLongestUnixPath = 107;  // sockaddr_un holds 108, a NUL among them

struct Address {
  enum class Kind : std::uint8_t { ip, unix_path, name };
  Kind kind = Kind::ip;
  std::uint16_t port = 0;
  Ip ip;              // kind ip
  std::string text_;  // the path (unix_path) or the host (name)

  // HOST:PORT, [V6]:PORT or unix:/PATH. Nothing else: no bare port, no scheme.
  static std::optional<Address> parse(std::string_view text);
  std::string text() const;  // the form that parse reads
  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace weir::io
