#include "proxy/epoll/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "proxy/base/check.h"

namespace weir::epoll {

SocketAddress to_socket_address(const io::Ip& ip, std::uint16_t port) {
  SocketAddress out;
  if (ip.family == io::Ip::Family::v4) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.bytes.data(), 4);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  } else if (ip.family == io::Ip::Family::v6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, ip.bytes.data(), 16);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  }
  return out;
}

SocketAddress to_socket_address(std::string_view unix_path) {
  WEIR_CHECK(unix_path.size() <= io::kLongestUnixPath);
  SocketAddress out;
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, unix_path.data(), unix_path.size());
  std::memcpy(&out.storage, &un, sizeof un);
  out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + unix_path.size() + 1);
  return out;
}

io::Ip ip_of(const sockaddr* address) {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  io::Ip ip;
  if (address->sa_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(address);
    ip.family = io::Ip::Family::v4;
    std::memcpy(ip.bytes.data(), &in->sin_addr, 4);
  } else if (address->sa_family == AF_INET6) {
    const std::uint8_t* bytes = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr.s6_addr;
    if (std::memcmp(bytes, kMapped, sizeof kMapped) == 0) {
      ip.family = io::Ip::Family::v4;
      std::memcpy(ip.bytes.data(), bytes + sizeof kMapped, 4);
    } else {
      ip.family = io::Ip::Family::v6;
      std::memcpy(ip.bytes.data(), bytes, 16);
    }
  }
  return ip;
}

std::uint16_t port_of(const sockaddr* address) {
  if (address->sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  if (address->sa_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
  return 0;
}

std::optional<io::Address> bound_address(int fd) {
  SocketAddress at;
  at.size = sizeof at.storage;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at.storage), &at.size) != 0) return std::nullopt;
  io::Address address;
  if (at.storage.ss_family == AF_INET || at.storage.ss_family == AF_INET6) {
    address.ip = ip_of(at.get());
    address.port = port_of(at.get());
    return address;
  }
  sockaddr_un un{};
  std::memcpy(&un, &at.storage, sizeof un);
  if (un.sun_family != AF_UNIX || un.sun_path[0] == '\0') return std::nullopt;
  address.kind = io::Address::Kind::unix_path;
  address.text_.assign(un.sun_path, ::strnlen(un.sun_path, sizeof un.sun_path));
  return address;
}

}  // namespace weir::epoll
