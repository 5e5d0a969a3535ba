// The listening sockets, address by address: at least one a worker (SO_REUSEPORT), so that the kernel spreads
// clients over them. They never become fewer while their address is listened on, since a socket that closes
// resets what waits in its queue: with fewer workers some take care of several. A socket closes with its last
// holder. Owned by the supervisor; control thread only, but for the sockets' ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/config/config.h"
#include "proxy/core/acceptor.h"
#include "proxy/server/inherited_sockets.h"
#include "proxy/server/socket_file.h"

namespace weir::server {

struct Listening {
  config::Listener config;
  io::Address bound;  // as config, with the port that the kernel chose where it says 0
  std::shared_ptr<observe::ListenerCounts> counts;
  std::shared_ptr<core::Reception> reception = std::make_shared<core::Reception>();  // see use_terms()
  std::vector<std::shared_ptr<const io::ListenSocket>> sockets;
  std::shared_ptr<SocketFile> file;  // of a unix socket that is Weir's
  SocketMaker maker = SocketMaker::weir;

  // One socket under several descriptors, which its workers share; otherwise each has its own.
  bool is_one_socket() const {
    return bound.kind == io::Address::Kind::unix_path || maker == SocketMaker::service_manager;
  }
};

// Both are on one port, perhaps one of them on all its addresses: who listens on one is told "in use" of the
// other, unless the sockets share.
bool overlap(const io::Address& address, const io::Address& bound);

class Listeners {
 public:
  // Sockets for all that `wanted` names, for so many workers; what `before` has already is taken over, or
  // what was inherited, if anything was. New ones take nobody before start(). `admin`: where this process has
  // its admin port. The error says for the log which address cannot be had, and why; then nothing has
  // changed.
  static base::Result<Listeners, std::string> open(const std::vector<config::Listener>& wanted,
                                                   std::size_t workers, const Listeners& before,
                                                   InheritedSockets* inherited = nullptr,
                                                   const std::optional<io::Address>& admin = {});

  // Each receives clients as its configuration says, from now on.
  void use_terms() const;
  // Those that do not yet, listen. The error is for the log.
  base::Result<void, std::string> start() const;

  const std::vector<Listening>& all() const { return all_; }
  // What the worker in this place of so many polls.
  std::vector<core::Entrance> entrances(std::size_t place, std::size_t workers) const;
  bool has(const observe::ListenerCounts& listener) const;
  bool overlap(const io::Address& address) const;  // one of them does, as bound
  void set_owner_of_files(SocketFile::Owner owner) const;

 private:
  static const Listening* find_untaken(const io::Address& address, const Listeners& in,
                                       const Listeners& taken);
  std::shared_ptr<const core::HttpsRules> https_rules(const Listening& listening) const;

  std::vector<Listening> all_;  // in order of the configuration
};

// How the log calls a listener: by its address as bound, and by its name if it was given one.
std::string called(const config::Listener& listener, const io::Address& bound);
inline std::string called(const Listening& listening) {
  return called(listening.config, listening.bound);
}

}  // namespace weir::server
