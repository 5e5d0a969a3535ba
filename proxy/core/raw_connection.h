// One connection of a listener with mode: tcp, as raw bytes: from the client's coming to the end of both
// sides. It finds the client's route (by the name that a TLS client asks for, if some route wants one),
// chooses a node, tries the next one if that cannot be reached, and then carries bytes both ways, with
// half-closes and resets as they come. It ends through finish(), which runs exactly once and yields one
// record. What either side does not take stops the other from being read, so that memory is bounded. Owned by
// its worker's DataPath; loop thread only.
//
//   Shaking (TLS) -> Choosing        Naming (the ClientHello comes) -> Choosing <-> Connecting -> Relaying ->
//   Closed
//
// While Choosing it may wait in its pool's queue. Once it relays it holds no snapshot. What the client
// sends meanwhile is kept, up to kMostOwed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/codec/codec.h"
#include "proxy/core/client_connection.h"
#include "proxy/core/connection_pool.h"
#include "proxy/core/place.h"
#include "proxy/core/waiter.h"
#include "proxy/io/runtime.h"
#include "proxy/observe/shares.h"
#include "proxy/tls/client_hello.h"
#include "proxy/tls/tls_transport.h"

namespace weir::core {

class DataPath;
class Pool;
struct Generation;
struct Snapshot;
struct SnapshotRoute;

class RawConnection final : public ClientConnection, PoolGuest, Waiter, SlotHolder, io::TimerHandler {
 public:
  // `tls`: the transport, if it speaks TLS with the client, whose handshake is to come; or nullptr.
  RawConnection(DataPath& path, io::TransportPtr transport, tls::TlsTransport* tls,
                observe::ListenerShare& listener);
  ~RawConnection() override;

  void begin();  // it is among the path's now, and may end at once
  void drain(base::Duration idle) override;
  void cut(const base::Error& error) override;
  std::size_t held() const override;

 private:
  // Received from one side, and not sent to the other.
  static constexpr std::size_t kMostOwed = codec::kOwedBound;

  enum class State : std::uint8_t { Shaking, Naming, Choosing, Connecting, Relaying, Closed };

  // One of the two connections.
  struct Side final : io::TransportHandler {
    explicit Side(RawConnection& its_owner) : owner(its_owner) {}
    void on_connected() override { owner.on_connected(*this); }
    void on_connect_failed(const base::Error& error) override { owner.on_connect_failed(*this, error); }
    void on_read(std::string_view bytes) override { owner.on_read(*this, bytes); }
    void on_read_end() override { owner.on_read_end(*this); }
    void on_read_error(const base::Error& error) override { owner.on_read_error(*this, error); }
    void on_sent(std::size_t bytes) override { owner.on_sent(*this, bytes); }
    void on_write_error(const base::Error&) override { owner.on_write_error(*this); }

    RawConnection& owner;
    io::TransportPtr transport;
    std::uint64_t received = 0;  // bytes
    std::uint64_t sent = 0;      // bytes that have left
    bool ended = false;          // it sends nothing more
    bool deaf = false;           // it takes nothing more
  };

  void on_connected(Side& side);
  void on_connect_failed(Side& side, const base::Error& error);
  void on_read(Side& from, std::string_view bytes);
  void on_read_end(Side& from);
  void on_read_error(Side& from, const base::Error& error);
  void on_sent(Side& to, std::size_t bytes);
  void on_write_error(Side& to);
  void on_node_over(const base::Error& why) override;
  void count_in() override;
  void on_timer() override;

  // Towards a node.
  void find_route(std::string_view server_name);
  const SnapshotRoute* route_by(const Snapshot& snapshot) const;
  bool is_denied(const SnapshotRoute& route) const;
  void go_by(const SnapshotRoute& route);
  void choose();
  std::optional<std::size_t> pick();
  bool is_barred() const;
  void fail_without_node();
  void enter_queue();
  bool take_place() override;
  bool sees_room() const override;
  bool on_called() override;
  bool follow_reload();
  void choose_again();
  void on_placed() override;
  void on_change() override;
  void on_shed(base::Reason why) override;
  void connect(std::size_t node);
  void on_slot() override;
  void leave_node();
  void await_descriptor(const base::Error& error);
  void begin_relay();

  // Carrying.
  void keep_early(std::string_view bytes);
  void pass(Side& from, std::string_view bytes);
  void drop(Side& from);
  void settle();

  // The end.
  void fail(const base::Error& error);  // both sides are to see that it was cut
  void finish(base::Reason reason);
  void record(base::Reason reason, base::Duration total);

  bool is_client(const Side& side) const { return &side == &client_; }
  Side& other(Side& side) { return is_client(side) ? node_ : client_; }
  void note_sent(Side& to, std::size_t bytes);
  void change(State state);
  static observe::ClientState state_of(State state);

  DataPath& path_;
  tls::TlsTransport* tls_;  // the client's transport, if it is one
  Side client_{*this};
  Side node_{*this};
  io::Timer timer_;
  std::unique_ptr<tls::ClientHello> hello_;  // while it comes
  std::string early_;                        // of the client, until there is a node
  std::string server_name_;
  // Until it relays.
  Generation* generation_ = nullptr;
  Pool* pool_ = nullptr;
  std::vector<std::size_t> tried_;
  std::uint64_t affinity_ = 0;
  base::Error last_error_;
  bool ended_rudely_ = false;            // by a node that ended TLS without a goodbye
  std::shared_ptr<Endpoint> failed_at_;  // the node whose failure makes the next attempt a retry
  // Of its route.
  std::shared_ptr<observe::RouteCounts> route_counts_;
  std::string route_name_, pool_name_, node_name_;
  base::Duration connect_timeout_{};
  base::Duration tunnel_timeout_{};
  std::uint32_t most_attempts_ = 1;
  // At its node.
  Place place_;
  PoolGate* node_gate_ = nullptr;
  std::size_t placed_ = 0;  // the node of a place that was just taken
  observe::NodeShare* node_counts_ = nullptr;
  base::Time begun_;
  base::Time short_since_ = base::kNever;  // of descriptors
  base::Time attempt_at_{};
  base::Time moved_at_{};  // bytes, in either direction
  base::Duration connect_time_{};
  std::uint32_t black_holes_ = 0;
  State state_;
  bool relayed_ = false;
};

}  // namespace weir::core
