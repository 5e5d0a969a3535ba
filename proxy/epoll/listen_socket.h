// Making listening sockets, in two steps where it is not sure yet that they will be polled: one that is bound
// keeps its address and takes nobody, until start_listening() opens its queue. A TCP address gets one socket
// a worker (SO_REUSEPORT), so that the kernel spreads new connections and workers share no queue; a unix path
// is one socket under several descriptors. Errors are words for an operator, without the address. Whoever
// opens a socket closes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/io/address.h"
#include "proxy/io/runtime.h"

namespace weir::epoll {

enum class Begin : std::uint8_t { now, later };  // to listen

// `count` sockets for an address on which nobody listens yet. With port 0 the kernel chooses one port for
// all.
base::Result<std::vector<io::ListenSocket>, std::string> open_listen_sockets(const io::Address& address,
                                                                             std::size_t count,
                                                                             Begin begin = Begin::now);
// One more socket for an address on which this process may be listening already, or `count` of them. Another
// program's socket is not noticed if it too allows sharing. For a unix path nobody may be listening.
base::Result<io::ListenSocket, std::string> open_listen_socket(const io::Address& address,
                                                               Begin begin = Begin::now);
base::Result<std::vector<io::ListenSocket>, std::string> open_more_listen_sockets(const io::Address& address,
                                                                                  std::size_t count,
                                                                                  Begin begin);
// From now on clients may come; again changes nothing.
base::Result<void, std::string> start_listening(io::ListenSocket socket);

// So many more descriptors of the same socket and its queue.
base::Result<std::vector<io::ListenSocket>, std::string> duplicate_listen_socket(io::ListenSocket socket,
                                                                                 std::size_t count);

void close_listen_socket(io::ListenSocket socket);
std::uint16_t bound_port(io::ListenSocket socket);  // 0 on unix sockets

}  // namespace weir::epoll
