// One worker's connections to one node: those in use and those idle, the most recently used first. Idle ones
// are bounded by keepalive.max_idle over all workers; those of a burst may lie idle on top of it for a
// moment, since closing them between two requests would cost a new connection each. Owned by the worker's
// data path; loop thread only.
#pragma once

#include <memory>
#include <string>

#include "proxy/config/config.h"
#include "proxy/core/upstream_connection.h"
#include "proxy/tls/tls_transport.h"

namespace weir::core {

// How sure a connection must be to still stand when the request arrives.
enum class Care : std::uint8_t {
  replayable,     // a dead connection costs a retry that no client sees
  irreplaceable,  // a dead connection would cost the request
};

// How connections to a node are made and kept, as the configuration has it.
struct ConnectionTerms {
  const config::Keepalive& keepalive;
  const std::shared_ptr<const tls::ClientSettings>& tls;  // nullptr: in clear
  const std::string& host;                                // the node, as it is configured
};

class ConnectionPool final : io::TimerHandler {
 public:
  // `worker` is whose share of the node's counts it counts in.
  ConnectionPool(io::Runtime& runtime, codec::Scratch& scratch, tls::Scratch& tls_scratch,
                 std::shared_ptr<Endpoint> endpoint, std::size_t worker);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // An idle connection that may serve now, taken out of the idle ones; or none.
  UpstreamConnection* take(Care care);
  // A new connection; `waiter` hears of its outcome unless it abandons it first.
  UpstreamConnection& connect(ConnectWaiter& waiter);

  // The node is in the configuration, anew or still. At first, and again.
  void configure(const ConnectionTerms& terms);
  // The node left the configuration: nothing is kept idle from now on, and what is in flight is cut after
  // `drain_timeout`.
  void retire(base::Duration drain_timeout);
  void close_idle();
  bool retired() const { return retired_; }
  bool empty() const { return members_.empty(); }
  Endpoint& endpoint() { return *endpoint_; }
  observe::NodeShare& counts() { return counts_; }

  // For its connections.
  io::Runtime& runtime() { return runtime_; }
  codec::Scratch& scratch() { return scratch_; }
  tls::Dial dial() { return {tls_, &tls_scratch_, host_, &session_}; }
  void give_back(UpstreamConnection& connection);  // it became idle and reusable
  void leave_idle(UpstreamConnection& connection);
  // Its moment on top of max_idle is over: it takes a place that has come free, or closes.
  void judge_surplus(UpstreamConnection& connection);

 private:
  void on_timer() override;
  static constexpr base::Duration kSurplusTime = std::chrono::milliseconds(100);
  void rest(UpstreamConnection& connection);
  base::Duration idle_allowance(const UpstreamConnection& connection) const;

  io::Runtime& runtime_;
  codec::Scratch& scratch_;
  tls::Scratch& tls_scratch_;
  std::shared_ptr<Endpoint> endpoint_;
  observe::NodeShare& counts_;
  config::Keepalive keepalive_;
  std::shared_ptr<const tls::ClientSettings> tls_;
  std::string host_;                           // for TLS
  tls::SessionSlot session_;                   // likewise
  base::Time made_since_ = base::Time::min();  // those that are older were made under other terms
  base::IntrusiveList<UpstreamConnection, PoolMemberTag> members_;
  base::IntrusiveList<UpstreamConnection, IdleTag> idle_;
  io::Timer timer_;      // the end of what is in flight at a retired node
  base::Time cut_at_{};  // when that is
  bool retired_ = false;
};

}  // namespace weir::core
