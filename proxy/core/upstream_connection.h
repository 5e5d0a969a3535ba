// One connection to a node: a transport and a client codec. Over HTTP/1.1 it serves one exchange at a time
// and waits idle in its pool in between; over HTTP/2 as many as the node allows, and is idle when it serves
// none. Owned by its ConnectionPool; loop thread only. While idle it reads, so that a FIN or stray bytes end
// it before it could be used again.
#pragma once

#include <cstdint>

#include <memory>
#include <string>
#include <string_view>

#include "proxy/codec/h1_client.h"
#include "proxy/codec/h2_client.h"
#include "proxy/core/endpoint.h"
#include "proxy/core/late_flush.h"
#include "proxy/core/slot_desk.h"
#include "proxy/io/runtime.h"

namespace weir::core {

class ConnectionPool;
class UpstreamConnection;
struct PoolMemberTag;
struct IdleTag;
struct SharedTag;
struct WaiterTag;

// Who waits for a connection to stand.
class ConnectWaiter : public base::ListHook<WaiterTag> {
 public:
  virtual void on_connected(UpstreamConnection& connection) = 0;
  virtual void on_connect_failed(const base::Error& error) = 0;
  // It waits no longer; a connection that nobody waits for is not made.
  void stop_waiting();
  // The connection may not be made yet, since there are as many as there may be.
  bool awaits_slot() const;
  // The connection is being made since then, or was; or one was had without: whatever a wait for leave to
  // make it took is not the node's.
  base::Time dialed_at() const;

 protected:
  enum class Wants : std::uint8_t { any, fresh };  // of connections

  ~ConnectWaiter() = default;
  void begin_to_wait(Wants wants) {
    dialed_at_ = base::Time::min();
    wants_ = wants;
  }

 private:
  friend UpstreamConnection;
  UpstreamConnection* awaited_ = nullptr;
  base::Time dialed_at_ = base::Time::min();
  Wants wants_ = Wants::any;
};

class UpstreamConnection final : public base::ListHook<PoolMemberTag>,
                                 public base::ListHook<IdleTag>,
                                 public base::ListHook<SharedTag>,
                                 public SlotHolder,
                                 io::TransportHandler,
                                 codec::ClientCodecOwner,
                                 io::TimerHandler,
                                 io::Flushable {
 public:
  UpstreamConnection(ConnectionPool& pool, std::string_view greeting);
  ~UpstreamConnection();

  void connect(ConnectWaiter& waiter);
  // While it is being made: one more waits for it.
  void await(ConnectWaiter& waiter);
  // It does not stand, or the node has not said yet how many streams it takes.
  bool is_being_made() const { return !stands_ || (h2_ && !h2_->settled() && !presumed_); }
  bool stands() const { return stands_; }
  std::size_t waiters() const { return waiting_; }
  void abandon(ConnectWaiter& waiter);
  // It takes no more exchanges, and closes with its last one; said again after a while, it does so again.
  // Over HTTP/2 alone. False: it was said just now.
  bool leave();
  bool leaves() const { return leaves_; }
  // It is not given to requests any more, but could serve one where no other may be made; what leaves, only
  // after it was not used for a moment, in which it may have come to its end.
  bool may_be_kept() const;
  bool lingers() const { return lingering_; }

  bool multiplexes() const { return h2_ != nullptr; }
  std::string_view greeting() const { return greeting_; }  // what it began with
  // Once it stands: whether it takes one more exchange now.
  bool has_room() const { return h2_ ? h2_->more_streams() > 0 : h1_.more_streams() > 0; }
  http::Stream& open(http::StreamHandler& handler);

  // Whether an idle connection counts against max_idle, or has come on top for a moment.
  enum class Place : std::uint8_t { counted, surplus };

  // While idle.
  base::Duration idle_age() const;  // since the latest answer
  bool quiet() const { return transport_->quiet(); }
  std::size_t unacknowledged() const { return transport_->pending() + transport_->unacknowledged(); }
  base::Time idle_until() const { return idle_until_; }
  std::uint32_t served() const { return served_; }
  base::Time opened_at() const { return opened_at_; }
  const codec::ConnectionOptions& node_says() const { return h1_.node_says(); }
  base::Time idle_since() const { return idle_since_; }
  void begin_rest();  // it is idle from now on
  // At `until` it closes; one that is surplus to max_idle asks its pool first.
  void rest_until(base::Time until, Place place);
  bool counted() const { return place_ == Place::counted; }
  void close();                      // retires; no callback follows
  void cut(const base::Error& why);  // ends what is under way, its stream or its connect, and closes

 private:
  static constexpr base::Duration kLeaveTime = std::chrono::milliseconds(250);
  static constexpr base::Duration kLeavesApart = std::chrono::seconds(1);
  static constexpr base::Duration kLingerTime = std::chrono::seconds(10);  // without the node taking anything
  static constexpr std::size_t kMostPending = 64 * 1024;                   // of HTTP/2, before more is framed
  // A node that owes answers and says nothing for so long is asked whether it is there, and has so long to
  // answer. Not asked again so soon, unless it has said something since: servers of gRPC take much asking for
  // an attack.
  static constexpr base::Duration kPingAfter = std::chrono::seconds(20);
  static constexpr base::Duration kPingTime = std::chrono::seconds(10);
  static constexpr base::Duration kPingApart = std::chrono::seconds(301);
  // Some end the connection over one stream too many. So long are the settings waited for that tell how many
  // those are.
  static constexpr base::Duration kSettleTime = std::chrono::milliseconds(250);

  void on_slot() override;
  void look_for_other() override;
  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;
  void on_codec_changed() override;
  void on_idle() override;
  void on_timer() override;
  void flush() override;
  // Each for one codec or the other, known when it is compiled.
  template <class Codec>
  void flush(Codec& codec);
  template <class Codec>
  bool write(Codec& codec);
  template <class Codec>
  void settle(Codec& codec);
  codec::ClientCodec& codec();
  void speak_h2();
  void serve_waiters();
  void fail_waiters(const base::Error& error);
  void end();
  ConnectWaiter& next_waiter();
  void settle_streams();
  void look_after_node();
  void presume();
  void linger();
  void learn();
  void tell_of_limit(base::Duration limit);  // at debug

  ConnectionPool& pool_;
  const std::string greeting_;
  io::TransportPtr transport_;
  codec::H1Client h1_;
  std::unique_ptr<codec::H2Client> h2_;  // which it speaks, if there is one
  std::unique_ptr<LateFlush> late_;      // likewise
  io::Timer timer_;
  base::IntrusiveList<ConnectWaiter, WaiterTag> waiters_;
  base::Time opened_at_{};
  base::Time idle_since_{};
  base::Time idle_until_ = base::kNever;
  base::Time heard_at_{};   // HTTP/2: the node's latest bytes
  base::Time pinged_at_{};  // likewise: it was asked whether it is there
  base::Time left_at_{};    // likewise: it was last to leave
  std::uint32_t served_ = 0;
  std::uint32_t waiting_ = 0;
  Place place_ = Place::surplus;
  bool stands_ : 1 = false;  // it was made
  bool idle_ : 1 = false;
  bool leaves_ : 1 = false;
  bool lingering_ : 1 = false;
  bool closed_ : 1 = false;
  bool answered_since_ping_ : 1 = true;
  bool presumed_ : 1 = false;  // its settings did not come in time
};

}  // namespace weir::core
