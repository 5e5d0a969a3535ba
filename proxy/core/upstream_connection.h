// One connection to a node: a transport and an HTTP/1.1 client codec, serving one exchange at a time and
// waiting idle in its pool in between. Owned by its ConnectionPool; loop thread only. While idle it reads, so
// that a FIN or stray bytes end it before it could be used again.
#pragma once

#include <cstdint>

#include "proxy/codec/h1_client.h"
#include "proxy/core/endpoint.h"
#include "proxy/io/runtime.h"

namespace weir::core {

class ConnectionPool;
class UpstreamConnection;
struct PoolMemberTag;
struct IdleTag;

// Who waits for a connection to stand.
class ConnectWaiter {
 public:
  virtual void on_connected(UpstreamConnection& connection) = 0;
  virtual void on_connect_failed(const base::Error& error) = 0;

 protected:
  ~ConnectWaiter() = default;
};

class UpstreamConnection final : public base::ListHook<PoolMemberTag>,
                                 public base::ListHook<IdleTag>,
                                 io::TransportHandler,
                                 codec::ClientCodecOwner,
                                 io::TimerHandler,
                                 io::Flushable {
 public:
  explicit UpstreamConnection(ConnectionPool& pool);
  ~UpstreamConnection();

  void connect(ConnectWaiter& waiter);
  void abandon();  // the waiter no longer waits; the connection ends
  http::Stream& open(http::StreamHandler& handler);

  // Whether an idle connection counts against max_idle, or has come on top for a moment.
  enum class Place : std::uint8_t { counted, surplus };

  // While idle.
  base::Duration idle_age() const;  // since the latest answer
  bool quiet() const { return transport_->quiet(); }
  base::Time idle_until() const { return idle_until_; }
  std::uint32_t served() const { return served_; }
  base::Time opened_at() const { return opened_at_; }
  const codec::ConnectionOptions& node_says() const { return codec_.node_says(); }
  base::Time idle_since() const { return idle_since_; }
  void begin_rest();  // it is idle from now on
  // At `until` it closes; one that is surplus to max_idle asks its pool first.
  void rest_until(base::Time until, Place place);
  bool counted() const { return place_ == Place::counted; }
  void close();                      // retires; no callback follows
  void cut(const base::Error& why);  // ends what is under way, its stream or its connect, and closes

 private:
  static constexpr base::Duration kLingerTime = std::chrono::seconds(10);  // without the node taking anything

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
  void settle();
  void linger();
  void learn();
  void tell_of_limit(base::Duration limit);  // at debug

  ConnectionPool& pool_;
  io::TransportPtr transport_;
  codec::H1Client codec_;
  io::Timer timer_;
  ConnectWaiter* waiter_ = nullptr;
  base::Time opened_at_{};
  base::Time idle_since_{};
  base::Time idle_until_ = base::kNever;
  std::uint32_t served_ = 0;
  Place place_ = Place::surplus;
  bool stands_ = false;  // it was made
  bool idle_ = false;
  bool lingering_ = false;
  bool closed_ = false;
};

}  // namespace weir::core
