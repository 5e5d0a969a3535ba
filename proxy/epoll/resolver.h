// Names to addresses: IPv4 and IPv6, each address once, in a fixed order (IPv4 first). getaddrinfo blocks, so
// it runs on up to kMostThreads threads of its own, which end when nothing is left to look up. They may
// outlive the resolver, since a lookup cannot be interrupted; what they find then is dropped. Loop thread
// only.
#pragma once

#include <memory>
#include <string>

#include "proxy/io/runtime.h"

namespace weir::epoll {

class Resolver {
 public:
  static constexpr int kMostThreads = 4;

  explicit Resolver(io::Runtime& runtime);  // the answers are posted to it
  ~Resolver();                              // waits for nobody; no callback follows
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  void resolve(const std::string& host, io::Runtime::Resolved done);

 private:
  struct Desk;
  std::shared_ptr<Desk> desk_;
};

}  // namespace weir::epoll
