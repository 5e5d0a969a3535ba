// One worker's connections to one node: those in use and those idle, the most recently used first. Requests
// to a node that speaks HTTP/2 share a connection as long as it has room for them. Idle ones are bounded by
// keepalive.max_idle over all workers; those of a burst may lie idle on top of it for a moment, since closing
// them between two requests would cost a new connection each. Owned by the worker's data path; loop thread
// only.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/config/config.h"
#include "proxy/core/upstream_connection.h"
#include "proxy/core/upstream_version.h"
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
  config::Protocol protocol;
  config::ProxyProtocol proxy_protocol;
};

struct GuestTag;

// Who is at the node by a connection of its own, and is told when its time there is over.
class PoolGuest : public base::ListHook<GuestTag> {
 public:
  virtual void on_node_over(const base::Error& why) = 0;
  virtual void count_in() = 0;  // the pool's requests may be limited since it came

 protected:
  ~PoolGuest() = default;
};

class ConnectionPool final : io::TimerHandler {
 public:
  // `worker` is whose share of the node's counts it counts in.
  ConnectionPool(io::Runtime& runtime, SlotDesk& slots, codec::Scratch& scratch, tls::Scratch& tls_scratch,
                 std::shared_ptr<Endpoint> endpoint, std::size_t worker);
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // A connection that may serve one more request now, taken out of the idle ones if it was one; or none.
  // `greeting` is what it must have begun with: of the PROXY protocol, that names the client; "": nothing.
  UpstreamConnection* take(Care care, std::string_view greeting);
  // Of HTTP/2: one that is given to requests no more, where no other may be made; or none.
  UpstreamConnection* take_kept(std::string_view greeting);
  // A new connection, or one that is being made and will have room; `waiter` hears of its outcome unless it
  // stops waiting first.
  void connect(ConnectWaiter& waiter, std::string_view greeting);

  // The node is in the configuration, anew or still. At first, and again.
  void configure(const ConnectionTerms& terms);
  // The node left the configuration: nothing is kept idle from now on, and what is in flight is cut after
  // `drain_timeout`.
  void retire(base::Duration drain_timeout);
  void close_idle();
  // One connection less: that which has been idle the longest, or only waits for its last bytes to leave.
  bool give_up_idle();
  // One takes no more requests, and closes with its last one.
  bool give_up_shared();
  bool leave_again();    // one that was to, and was kept
  std::size_t shared();  // that stand
  bool retired() const { return retired_; }
  bool empty() const { return members_.empty() && guests_.empty(); }
  void enter(PoolGuest& guest);  // until it unlinks itself
  void count_guests_in() {
    guests_.for_each([](PoolGuest& guest) { guest.count_in(); });
  }
  Endpoint& endpoint() { return *endpoint_; }
  observe::NodeShare& counts() { return counts_; }

  // For its connections.
  io::Runtime& runtime() { return runtime_; }
  SlotDesk& slots() { return slots_; }
  codec::Scratch& scratch() { return scratch_; }
  tls::Dial dial(std::string_view greeting = {}) {
    return {.settings = tls_,
            .scratch = &tls_scratch_,
            .host = host_,
            .session = &session_,
            .greeting = greeting};
  }
  Transit transit() const { return tls_ ? Transit::tls : Transit::clear; }
  config::Protocol protocol() const { return protocol_; }
  void share(UpstreamConnection& connection) {  // that speaks HTTP/2
    if (!connection.base::ListHook<SharedTag>::linked()) shared_.push_front(connection);
  }
  void note_version(UpstreamVersion version);  // that the node turned out to speak
  // How many streams it takes on one connection; none: nobody knows.
  std::optional<std::size_t> most_streams() const { return most_streams_; }
  void note_most_streams(const UpstreamConnection& connection, std::size_t streams);
  // More than there may be, without those that leave already.
  bool has_too_many_to_come() const {
    return endpoint_->connections.will_be_exceeded() || endpoint_->pool->connections.will_be_exceeded();
  }
  void give_back(UpstreamConnection& connection);  // it became idle and reusable
  void leave_idle(UpstreamConnection& connection);
  // Its moment on top of max_idle is over: it takes a place that has come free, or closes.
  void judge_surplus(UpstreamConnection& connection);

 private:
  void on_timer() override;
  static constexpr base::Duration kSurplusTime = std::chrono::milliseconds(100);
  bool shares() const;
  UpstreamConnection* take_shared(std::string_view greeting);
  UpstreamConnection* take_idle(Care care, std::string_view greeting);
  UpstreamConnection* find_idle(std::string_view greeting);
  bool is_worn(const UpstreamConnection& connection) const;
  bool has_too_many() const {
    return endpoint_->connections.is_exceeded() || endpoint_->pool->connections.is_exceeded();
  }
  void rest(UpstreamConnection& connection);
  base::Duration idle_allowance(const UpstreamConnection& connection) const;
  void tell_of_announced_limit(const UpstreamConnection& connection);

  io::Runtime& runtime_;
  SlotDesk& slots_;
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
  // Of HTTP/2: those that serve and may have room, and those that are being made.
  base::IntrusiveList<UpstreamConnection, SharedTag> shared_;
  config::Protocol protocol_ = config::Protocol::h1;
  config::ProxyProtocol proxy_protocol_ = config::ProxyProtocol::off;
  UpstreamVersion version_ = UpstreamVersion::none;  // that the node spoke, the last time; none: nobody knows
  std::optional<std::size_t> most_streams_;
  base::IntrusiveList<PoolGuest, GuestTag> guests_;
  io::Timer timer_;      // the end of what is in flight at a retired node
  base::Time cut_at_{};  // when that is
  bool retired_ = false;
};

}  // namespace weir::core
