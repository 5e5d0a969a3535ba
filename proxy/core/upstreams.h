// One worker's connection pools, by node: those of the nodes that the current snapshot lists, and those of
// removed nodes until what is in flight there has ended. Owned by the worker's data path; loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "proxy/core/connection_pool.h"

namespace weir::core {

class Upstreams {
 public:
  Upstreams(io::Runtime& runtime, codec::Scratch& scratch, tls::Scratch& tls_scratch, std::size_t worker)
      : runtime_(runtime), scratch_(scratch), tls_scratch_(tls_scratch), worker_(worker) {}

  // A snapshot comes into force: list() each of its nodes, then retire the others.
  void begin();
  ConnectionPool& list(const std::shared_ptr<Endpoint>& endpoint, const ConnectionTerms& terms);
  void retire_others(base::Duration drain_timeout);

  // The retired ones that have nothing in flight; the caller knows who still reaches them.
  std::vector<const Endpoint*> unused() const;
  void drop(const Endpoint& endpoint);

  ConnectionPool* find(const Endpoint& endpoint);
  void close_idle();
  void clear();

 private:
  struct Upstream {
    std::unique_ptr<ConnectionPool> connections;
    std::uint64_t listed = 0;  // by which snapshot, the last one
  };

  io::Runtime& runtime_;
  codec::Scratch& scratch_;
  tls::Scratch& tls_scratch_;
  const std::size_t worker_;
  std::vector<Upstream> all_;  // in an order that does not depend on where things lie in memory
  std::unordered_map<const Endpoint*, std::size_t> places_;
  std::uint64_t snapshot_ = 0;
  std::size_t listed_ = 0;  // by this snapshot
};

}  // namespace weir::core
