// Listening sockets that this process was given at its start: by the process whose place it takes, or by the
// service manager. Whoever wants an address asks here first. Control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/epoll/descriptor.h"
#include "proxy/io/address.h"

namespace weir::server {

// Who made a socket. The service manager keeps its own: more for the same address cannot be opened, and the
// file of a unix socket is not Weir's to unlink.
enum class SocketMaker : std::uint8_t { weir, service_manager };

// Those of one address.
struct SocketGroup {
  enum class Use : std::uint8_t { any, listener, admin } use = Use::any;
  SocketMaker maker = SocketMaker::weir;
  io::Address wanted;  // as configured where they were made
  io::Address bound;
  std::vector<epoll::Descriptor> sockets;
};

class InheritedSockets {
 public:
  void add(SocketGroup group);
  // Those that were configured in the same way for the same use; or those that are bound there.
  std::optional<SocketGroup> take(SocketGroup::Use use, const io::Address& address);
  // Where there were any at first.
  const std::vector<io::Address>& places() const { return places_; }

  // Nobody here wants the others. Those of the service manager are told of in the log.
  void close_rest();
  void unlink_rest();  // the files of those that were closed, now that they are this process's

 private:
  std::vector<SocketGroup> groups_;
  std::vector<io::Address> places_;
  std::vector<std::string> files_;
};

}  // namespace weir::server
