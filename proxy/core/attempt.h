// One try of an exchange at one node: its place there, the connection while it is being made, the stream
// once it stands. It passes on what happens to its exchange, in legal order only, and holds nothing
// afterwards. A member of its exchange; loop thread only.
#pragma once

#include "proxy/core/connection_pool.h"
#include "proxy/core/ordered_events.h"
#include "proxy/core/place.h"
#include "proxy/http/stream.h"

namespace weir::core {

class Attempt;

class AttemptHandler {
 public:
  virtual void on_attempt_ready(Attempt& attempt) = 0;
  virtual void on_attempt_failed(Attempt& attempt, const base::Error& error) = 0;
  virtual void on_attempt_event(Attempt& attempt, http::Event&& event) = 0;
  virtual void on_attempt_sent(Attempt& attempt, std::size_t bytes) = 0;
  virtual void on_attempt_send_failed(Attempt& attempt, const base::Error& error) = 0;
  // Nothing is the node's to do: a client has been silent for a while, or takes nothing.
  virtual bool waits_for_client(const Attempt& attempt) const = 0;

 protected:
  ~AttemptHandler() = default;
};

class Attempt final : http::StreamHandler, ConnectWaiter {
 public:
  enum class State : std::uint8_t { none, connecting, sending, send_failed, dropping };
  enum class Reuse : std::uint8_t { allowed, none };

  explicit Attempt(AttemptHandler& handler) : handler_(handler) {}

  // Begins at the node where `place` is: over an idle connection (on_attempt_ready comes at once) or a new
  // one. `greeting` as ConnectionPool has it.
  void begin(Place&& place, ConnectionPool& connections, Care care, Reuse reuse, std::string_view greeting);
  void end(const base::Error& why);  // resets what is left of it; no callback follows
  void done();                       // the response is complete
  // What is left of the response is of no use to anybody: it is read and dropped, so that the connection can
  // serve again, unless it is long. No callback follows.
  void drop();
  void let_go() {  // ends that, if it goes on
    if (state_ == State::dropping) stop_dropping();
  }

  State state() const { return state_; }
  // There are as many connections to the node as there may be.
  bool awaits_slot() const { return ConnectWaiter::awaits_slot(); }
  // While it connects: since when, or since it began, whichever is later.
  base::Time connects_since() const { return std::max(began_, dialed_at()); }
  base::Time began() const { return began_; }  // without what it waited for a slot, once it is ready
  bool live() const { return state_ != State::none && state_ != State::dropping; }
  bool sending() const { return state_ == State::sending; }
  bool reused_connection() const { return reused_; }
  // Whatever ends it now is not the end of an idle connection that was on its way as the request came.
  bool is_late() const { return connections_->runtime().now() - began_ > kCrossing; }
  // The node may say of the request that it did nothing with it, though it was sent.
  bool may_be_declined() const { return may_be_declined_; }
  http::Stream& stream() { return *stream_; }
  // Bytes on the way to the node, of this and whatever else shares its connection. While there is a stream.
  std::size_t unacknowledged() const { return connection_->unacknowledged(); }
  void begin_tunnel() { order_.begin_tunnel(); }
  // A place for another try of the same request, which counts in the pool no more than this one does.
  std::optional<Place> take_beside(const PoolGate& gate, balancer::Node& node) {
    return Place::take_beside(place_, gate, node);
  }
  // The pool's requests may be limited since it began.
  void count_in() {
    if (state_ != State::none) place_.count_in(connections_->endpoint().pool->gate);
  }

 private:
  void on_connected(UpstreamConnection& connection) override;
  void on_connect_failed(const base::Error& error) override;
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t bytes) override;
  void on_send_failed(const base::Error& error) override;
  void on_receive_failed(const base::Error& error) override { on_reset(error); }
  void on_reset(const base::Error& error) override;
  void open(UpstreamConnection& connection);
  void clear();
  void count_answer(const http::Event& event);
  void count_end(const base::Error& why);
  void note_connect_failure(const base::Error& error) const;
  Conduct& conduct() const { return connections_->endpoint().conduct; }
  void go_on_dropping(const http::Event& event);
  void stop_dropping();

  static constexpr base::Duration kCrossing = std::chrono::milliseconds(100);
  static constexpr std::size_t kMostDropped = 64 * 1024;

  AttemptHandler& handler_;
  Place place_;
  http::Stream* stream_ = nullptr;
  const UpstreamConnection* connection_ = nullptr;  // that has it
  ConnectionPool* connections_ = nullptr;           // the node's
  observe::NodeShare* counts_ = nullptr;            // likewise
  base::Time began_{};
  State state_ = State::none;
  enum class Answer : std::uint8_t { awaited, begun, tunnel } answer_ = Answer::awaited;
  std::size_t dropped_ = 0;
  bool reused_ = false;
  bool may_be_declined_ = false;
  OrderedEvents order_{OrderedEvents::Side::response};
};

}  // namespace weir::core
