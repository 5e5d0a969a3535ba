// What both sides of HTTP/2 share: the nghttp2 session of one connection, its streams, its output, and which
// payload has left. Framing happens just in time, in produce(), so that priorities mean something and what is
// framed is bounded. nghttp2 checks frames and compresses heads; it sees no socket, and no window is fed but
// by grants. Derived classes give requests and answers their meaning. Sans-I/O; loop thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/intrusive_list.h"
#include "proxy/codec/codec.h"
#include "proxy/codec/h2_head.h"
#include "proxy/codec/h2_ledger.h"
#include "proxy/codec/h2_limits.h"
#include "proxy/codec/h2_pairs.h"
#include "proxy/codec/h2_stream.h"
#include "proxy/codec/out_queue.h"

struct nghttp2_session;

namespace weir::codec {

// RFC 9113 7.
enum class H2Code : std::uint32_t {
  no_error,
  protocol_error,
  internal_error,
  flow_control_error,
  settings_timeout,
  stream_closed,
  frame_size_error,
  refused_stream,
  cancel,
  compression_error,
  connect_error,
  enhance_your_calm,
};

class H2Session {
 public:
  // Of body bytes that were received and not granted back, all streams together: as a server, so that a
  // client has only so much here; as a client, all that the most streams may have, for on a connection to a
  // node they are of clients that do not know of each other, and those that read slowly may not hold the
  // others up.
  static constexpr std::size_t kServerWindow = 1024 * 1024;
  static constexpr std::size_t kMostStreams = 256;  // at a time as a client, whatever the node allows
  static constexpr std::size_t kClientWindow = kMostStreams * kOwedBound;
  static constexpr std::size_t kMostPayload = 16 * 1024;  // of a DATA frame that we send
  static constexpr std::size_t kMuchLent = 4 * 1024;

  H2Session(const H2Session&) = delete;
  H2Session& operator=(const H2Session&) = delete;

  // Bytes out. Once in each flush, before the queue's output is written: frames what there is, the most
  // urgent first, until about `room` bytes are gathered. What was lent and found no room is copied. May call
  // handlers.
  void produce(std::size_t room);
  // In place of it, where more may come from others in this turn: copies what is lent, for a later flush to
  // frame it. False: it is better framed now, since there is much of it, or since a message goes on: should
  // that be cut, what came of it before the cut is to have gone.
  bool keep_lent();
  OutQueue& queue() { return queue_; }
  void sent(std::size_t wire_bytes);

  Next next() const { return next_; }
  void shutdown_done() {}  // no half-close of the connection itself: a tunnel's is its stream's
  bool wants_read() const { return next_ == Next::keep; }
  bool wants_room() const;  // produce() would frame something, had it room
  bool in_head() const { return head_ != nullptr; }
  std::int32_t head_stream() const { return head_ ? head_->stream() : 0; }
  bool in_first_head() const { return head_ && head_->kind() != H2Head::Kind::trailers; }
  std::size_t streams() const { return streams_.size(); }
  bool idle() const { return streams_.empty() && !head_ && next_ == Next::keep; }
  // Why the connection ended, if by our word: NO_ERROR also as long as it goes on.
  H2Code ended_with() const { return ended_with_; }
  H2Limit limit_hit() const { return limit_hit_; }

  // To streams.
  Scratch& scratch() { return queue_.scratch(); }
  Output* framed() { return queue_.has_output() ? &queue_.out() : nullptr; }
  void touch(H2Stream& stream);
  void resume_data(H2Stream& stream);
  std::uint64_t reached(std::size_t in_flight) const { return queue_.reached(in_flight); }
  std::uint64_t delivered(std::size_t in_flight) const { return std::min(data_gone_, reached(in_flight)); }
  std::size_t window_of(const H2Stream& stream) const;  // that the peer has opened for it
  void consume(std::int32_t id, std::size_t bytes);
  void consume_for_connection(std::size_t bytes);
  void submit_response(H2Stream& stream, const H2Pairs& head, H2Head::Ends ends);
  void submit_interim(std::int32_t id, const H2Pairs& head);
  std::int32_t submit_request(H2Stream& stream, const H2Pairs& head, H2Head::Ends ends);  // its id
  void submit_reset(std::int32_t id, std::uint32_t code);
  void sweep_later() { to_sweep_ = true; }
  void add_to_heads(std::size_t bytes) { heads_held_ += bytes; }  // or take away, by what is less than zero
  bool over() const { return over_; }

 protected:
  std::size_t frames_waiting() const;  // all but DATA
  std::size_t heads_held() const { return heads_held_; }
  std::size_t unfinished_head() const { return head_ ? head_->size() : 0; }  // bytes
  enum class Side : std::uint8_t { server, client };
  H2Session(Side side, CodecOwner& owner, Scratch& scratch);
  virtual ~H2Session();

  void feed(std::string_view bytes);
  // Ends all streams; nothing is read or framed any more.
  void end(H2Code code, const base::Error& error);  // with a GOAWAY
  void stop(Next next, const base::Error& error);   // without
  void exceed(H2Limit limit);                       // ends the connection
  void hit(H2Limit limit);  // the same, from inside nghttp2, once it returns; none: nothing happens
  H2Stream* find(std::int32_t id) const;
  void add(std::unique_ptr<H2Stream> stream);
  template <class F>
  void for_each_stream(F&& f) {
    for (const auto& stream : streams_) f(*stream);
  }
  template <class F>
  void for_each_stream(F&& f) const {
    for (const auto& stream : streams_) f(std::as_const(*stream));
  }
  virtual void end_streams(const base::Error& error);
  void stop_framing() { muted_ = true; }
  void silence(Next next);  // nothing is read or framed any more; streams are the caller's business
  void submit_notice();     // GOAWAY that ends nothing yet
  void submit_last();       // GOAWAY behind what has begun
  void submit_ping(std::uint64_t ping);
  // Of a client's peer.
  bool allows_request() const;
  bool peer_takes_connect() const;
  std::size_t most_outgoing() const;
  void changed();

  // What nghttp2 reports. None may destroy a stream.
  virtual std::optional<H2Head::Kind> on_head_begun(std::int32_t id) = 0;  // nothing: it is passed over
  virtual void on_head(H2Head& head, H2Head::Ends ends) = 0;
  virtual void on_data(std::int32_t id, std::string_view bytes) = 0;
  virtual void on_end(std::int32_t id) = 0;
  virtual void on_malformed(std::int32_t id) = 0;  // it will be reset, or the connection ends
  virtual void on_peer_reset(std::int32_t id, H2Code code) = 0;
  virtual void on_closed(H2Stream& stream, H2Code code) = 0;
  virtual void on_reset_framed(H2Code) {}
  virtual void on_data_framed(std::size_t) {}
  virtual void on_empty_data() {}  // padding alone
  virtual void on_ping_answered(std::uint64_t ping) = 0;
  virtual void on_peer_settings() {}
  virtual void on_peer_goaway(std::int32_t) {}
  virtual void on_swept() {}
  // The peer broke the protocol, and the connection ended with `code`.
  virtual base::Error broken(H2Code code) const = 0;

 private:
  friend struct H2Callbacks;
  using Touched = base::IntrusiveList<H2Stream, H2TouchedTag>;
  void submit_waiting(Touched& turn);
  void frame(std::size_t room);
  void copy_framed(std::string_view bytes);
  void copy_goaway(std::string_view frame);
  bool has_room() const { return queue_out() < room_; }
  std::size_t queue_out() const;
  void end_turn(Touched& turn);
  void failed(int error);
  void sweep();
  void write_goaway(H2Code code);
  void give_head_back();
  void begin_settings();
  void end_settings(bool acknowledgement);

  CodecOwner& owner_;
  OutQueue queue_;
  nghttp2_session* session_ = nullptr;
  std::size_t heads_held_ = 0;                      // bytes of the streams' heads
  std::vector<std::unique_ptr<H2Stream>> streams_;  // by id
  Touched touched_;
  H2Ledger ledger_;
  std::unique_ptr<H2Head> head_;  // that is being received
  std::uint64_t data_gone_ = 0;   // where the last DATA frame that has left ends
  std::size_t room_ = 0;
  std::int32_t last_peer_stream_ = 0;
  std::int32_t last_said_ = INT32_MAX;  // by a GOAWAY of ours: no later one may say more
  H2Code ended_with_ = H2Code::no_error;
  std::optional<std::size_t> waiting_before_settings_;  // frames, as the peer's settings began
  H2Limit limit_hit_ = H2Limit::none;
  Next next_ = Next::keep;
  Side side_;
  bool over_ = false;
  bool muted_ = false;
  bool producing_ = false;
  bool to_produce_ = false;  // something changed since the latest produce()
  bool to_sweep_ = false;
  bool inside_head_ = false;  // a head of ours goes on in the next frame
};

}  // namespace weir::codec
