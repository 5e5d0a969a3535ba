// The header of the PROXY protocol, by which a proxy says whose connection it passes on: version 1, a line of
// text, and version 2, binary (HAProxy's proxy-protocol.txt, 2020/03/05). The reader takes it off the front
// of what a connection brings, however that is cut, and judges it strictly; the writer makes one. Neither
// opens a socket, reads a clock or trusts anybody: who may send a header is for others to know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/io/address.h"

namespace weir::codec {

enum class ProxyVersion : std::uint8_t { v1, v2 };

struct ProxyHeader {
  enum class Kind : std::uint8_t {
    local,      // the proxy's own connection, or one of which it tells nothing: the real peer is the client
    addresses,  // both ends of the connection that is passed on
    unix_peer,  // that came by a unix socket, and has no address
  } kind = Kind::local;
  io::IpPort source;       // of Kind::addresses: the client
  io::IpPort destination;  // likewise: where it came in
};

class ProxyHeaderReader {
 public:
  static constexpr std::size_t kMostLine = 107;    // bytes of version 1, its end included
  static constexpr std::size_t kMostBlock = 4096;  // bytes of version 2 behind its first sixteen

  enum class Takes : std::uint8_t { v1, v2, any };
  enum class State : std::uint8_t {
    more,       // the header goes on
    done,       // it is whole
    missing,    // what came begins no header of a version that is taken
    malformed,  // it begins one, and is none
  };

  explicit ProxyHeaderReader(Takes takes) : takes_(takes) {}

  // Removes the header's bytes from the front of `bytes`; once it is whole, what is left is not the header's.
  // After anything but `more` the reader is of no more use.
  State read(std::string_view& bytes);
  bool begun() const { return !text_.empty(); }
  const ProxyHeader& header() const { return header_; }

 private:
  State judge(std::string_view bytes, std::size_t& size);
  State read_v1(std::string_view bytes, std::size_t& size);
  State read_line(std::string_view line);
  State read_v2(std::string_view bytes, std::size_t& size);
  State read_block(std::string_view bytes);

  const Takes takes_;
  std::string text_;  // so far, of a header that came in pieces
  ProxyHeader header_;
};

// What a node is told of the client's connection. Addresses of two families are told as IPv6; where one is
// missing, as on unix sockets, that the addresses are unknown.
std::string proxy_header(ProxyVersion version, const io::IpPort& source, const io::IpPort& destination);
// Of a connection of Weir's own, such as a health check: LOCAL, or UNKNOWN under version 1.
std::string local_proxy_header(ProxyVersion version);

}  // namespace weir::codec
