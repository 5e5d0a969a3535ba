// One try of an exchange at one node: the node's lease, the connection while it is being made, the stream
// once it stands. It passes on what happens to its exchange, in legal order only, and holds nothing
// afterwards. A member of its exchange; loop thread only.
#pragma once

#include "balancer/node.h"
#include "proxy/core/connection_pool.h"
#include "proxy/core/ordered_events.h"
#include "proxy/http/stream.h"

namespace weir::core {

class AttemptHandler {
 public:
  virtual void on_attempt_ready() = 0;
  virtual void on_attempt_failed(const base::Error& error) = 0;
  virtual void on_attempt_event(http::Event&& event) = 0;
  virtual void on_attempt_sent(std::size_t bytes) = 0;
  virtual void on_attempt_send_failed(const base::Error& error) = 0;

 protected:
  ~AttemptHandler() = default;
};

class Attempt final : http::StreamHandler, ConnectWaiter {
 public:
  enum class State : std::uint8_t { none, connecting, sending, send_failed };
  enum class Reuse : std::uint8_t { allowed, none };

  explicit Attempt(AttemptHandler& handler) : handler_(handler) {}

  // Begins at a node: over an idle connection (on_attempt_ready comes at once) or a new one.
  void begin(Endpoint& endpoint, ConnectionPool& connections, Care care, Reuse reuse);
  void end(const base::Error& why);  // resets what is left of it; no callback follows
  void done();                       // the response is complete

  State state() const { return state_; }
  bool live() const { return state_ != State::none; }
  bool sending() const { return state_ == State::sending; }
  bool reused_connection() const { return reused_; }
  http::Stream& stream() { return *stream_; }
  void begin_tunnel() { order_.begin_tunnel(); }

 private:
  void on_connected(UpstreamConnection& connection) override;
  void on_connect_failed(const base::Error& error) override;
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t bytes) override { handler_.on_attempt_sent(bytes); }
  void on_send_failed(const base::Error& error) override;
  void on_receive_failed(const base::Error& error) override { on_reset(error); }
  void on_reset(const base::Error& error) override;
  void clear();
  void count_answer(const http::Event& event);
  void count_end(const base::Error& why);

  AttemptHandler& handler_;
  balancer::Lease lease_;
  UpstreamConnection* connecting_ = nullptr;
  http::Stream* stream_ = nullptr;
  observe::NodeShare* counts_ = nullptr;  // the node's
  State state_ = State::none;
  enum class Answer : std::uint8_t { awaited, begun, tunnel } answer_ = Answer::awaited;
  bool reused_ = false;
  OrderedEvents order_{OrderedEvents::Side::response};
};

}  // namespace weir::core
