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
  Upstreams(io::Runtime& runtime, SlotDesk& slots, codec::Scratch& scratch, tls::Scratch& tls_scratch,
            std::size_t worker)
      : runtime_(runtime), slots_(slots), scratch_(scratch), tls_scratch_(tls_scratch), worker_(worker) {}

  // A snapshot comes into force: list() each of its nodes, then retire the others.
  void begin();
  ConnectionPool& list(const std::shared_ptr<Endpoint>& endpoint, const ConnectionTerms& terms);
  // One that gets no new work but for its sessions, for as long as that.
  ConnectionPool& list_parting(const std::shared_ptr<Endpoint>& endpoint, const ConnectionTerms& terms,
                               base::Duration left);
  void retire_others(base::Duration drain_timeout);

  // The retired ones that have nothing in flight; the caller knows who still reaches them.
  std::vector<const Endpoint*> unused() const;
  // It may be at work just now, and is to live until the turn ends.
  std::unique_ptr<ConnectionPool> take(const Endpoint& endpoint);

  ConnectionPool* find(const Endpoint& endpoint);
  void close_idle();
  // One connection less that lies idle, so that there can be one to the wanted node; whether there was any.
  bool give_up_idle(const Endpoint& wanted);
  bool give_up_idle_of(const Endpoint& endpoint);
  // One that is shared takes no more requests, likewise; or, of this node, one that is not the last.
  bool give_up_shared(const Endpoint& wanted);
  void give_up_spare_of(const Endpoint& endpoint);
  void count_guests_in();
  void clear();

 private:
  ConnectionPool& place(const std::shared_ptr<Endpoint>& endpoint);

  struct Upstream {
    std::unique_ptr<ConnectionPool> connections;
    std::uint64_t listed = 0;  // by which snapshot, the last one
  };

  // Those whose connections count where the wanted one would.
  template <class F>
  void each_in_the_way(const Endpoint& wanted, F&& f);

  io::Runtime& runtime_;
  SlotDesk& slots_;
  codec::Scratch& scratch_;
  tls::Scratch& tls_scratch_;
  const std::size_t worker_;
  std::vector<Upstream> all_;  // in an order that does not depend on where things lie in memory
  std::unordered_map<const Endpoint*, std::size_t> places_;
  std::uint64_t snapshot_ = 0;
  std::size_t listed_ = 0;  // by this snapshot
};

}  // namespace weir::core
