// Between Weir's addresses and the kernel's.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/io/address.h"

namespace weir::epoll {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;  // 0: there is none

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress to_socket_address(const io::Ip& ip, std::uint16_t port);
SocketAddress to_socket_address(std::string_view unix_path);  // at most io::kLongestUnixPath bytes

// IPv4-mapped IPv6 becomes IPv4; a unix socket's family is none.
io::Ip ip_of(const sockaddr* address);
std::uint16_t port_of(const sockaddr* address);
// Where a socket is bound; nothing for those that are neither IP nor at a path.
std::optional<io::Address> bound_address(int fd);

}  // namespace weir::epoll
