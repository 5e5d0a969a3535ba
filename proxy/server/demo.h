// Three small app servers for `weir run --demo`, so that a newcomer sees balancing with nothing else
// installed. They are what they stand for, nodes behind sockets: own threads, blocking I/O, no part of Weir's
// loops.
//
//   GET /healthz      200, or 500 after POST /fail until POST /recover
//   GET /slow?ms=N    answers after N milliseconds, 10000 at most
//   anything else     the node's name, how many requests it has had, the method and path, X-Forwarded-For
//
// Owned by the command that runs Weir. start() and the destructor are called on one thread; the destructor
// closes every connection and joins, in well under a second.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weir::server {

struct DemoAddress {
  std::string host;  // an IP address
  std::uint16_t port = 0;
  std::string name;  // what the node calls itself
};

class DemoServer;

class DemoServers {
 public:
  explicit DemoServers(std::vector<DemoAddress> addresses);
  ~DemoServers();
  DemoServers(const DemoServers&) = delete;
  DemoServers& operator=(const DemoServers&) = delete;

  // Empty when all of them listen. Otherwise what went wrong, and none is left running.
  [[nodiscard]] std::string start();

 private:
  std::vector<DemoAddress> addresses_;
  std::vector<std::unique_ptr<DemoServer>> servers_;
};

}  // namespace weir::server
