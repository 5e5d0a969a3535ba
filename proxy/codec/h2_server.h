// HTTP/2 towards clients: many requests at a time, each an http::Stream of its own. Owned by a downstream
// connection, which feeds it what was read and writes what it gathers. Frames, flow control and header
// compression are nghttp2's; this refuses what HTTP/1.1 nodes could misread, bounds what a client may make us
// do, and gives streams their events. An extended CONNECT (RFC 8441) arrives as the upgrade that HTTP/1.1 has
// for it. Sans-I/O: the present is passed in. Loop thread only.
//
// In each turn the owner calls receive() and its like, then in its flush produce(), writes what the queue
// holds, says taken() to the queue and sent() here, and does what next() says.
#pragma once

#include "proxy/base/time.h"
#include "proxy/codec/h2_frame_scan.h"
#include "proxy/codec/h2_server_stream.h"
#include "proxy/codec/h2_session.h"
#include "proxy/codec/h2_stream_ids.h"

namespace weir::codec {

// What a client that knows of HTTP/2 says first (RFC 9113 3.4).
inline constexpr std::string_view kH2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

class H2Server final : public ServerCodec, public H2Session {
 public:
  struct Counters {
    std::uint64_t streams = 0;        // whose head began
    std::uint64_t malformed = 0;      // of them, reset for breaking rules
    std::uint64_t refused = 0;        // not begun: too many at a time, or draining
    std::uint64_t client_resets = 0;  // by the client
    std::uint64_t data_framed = 0;    // bytes of answers' bodies
  };
  enum class Preface : std::uint8_t { no, maybe, yes };  // maybe: more bytes are needed

  // `seed` is where keys of WebSocket handshakes come from, which need not be secret.
  H2Server(ServerCodecOwner& owner, Scratch& scratch, std::uint64_t seed);

  // Whether a connection that begins with these bytes speaks HTTP/2.
  static Preface recognise(std::string_view first);

  // Bytes in, the preface first. What is given must stay valid until the flush of this turn.
  void receive(std::string_view bytes, base::Time now) override;
  void receive_end() override;
  void receive_error() override;
  void send_failed() override;
  void abandon(const base::Error& error) override;  // ends all streams; whoever owns this then closes
  // Goes on with bytes that came before their tunnel, of one stream a call; see has_held().
  void resume() override;
  bool has_held() const override;

  // A stream whose head is not whole is none yet: nobody else watches over that.
  bool in_stream() const override { return streams() > (in_first_head() ? 1U : 0U); }
  bool client_is_done() const override { return false; }

  void produce(std::size_t room) override { H2Session::produce(room); }
  bool wants_room() const override { return H2Session::wants_room(); }
  OutQueue& queue() override { return H2Session::queue(); }
  void sent(std::size_t wire_bytes) override { H2Session::sent(wire_bytes); }
  Next next() const override { return H2Session::next(); }
  void shutdown_done() override {}
  bool wants_read() override { return H2Session::wants_read(); }
  bool in_head() const override { return H2Session::in_head(); }
  bool in_tunnel() const override;  // one at least
  // Answers whose exchanges are over wait for the client to take them; nobody else watches over that.
  bool has_orphans() const override;
  std::size_t held_bytes() const override;
  // Of these answers, those that were marked before are cut, and all else goes on.
  void mark_orphans();
  void reset_marked();
  bool draining() const { return drain_ != Drain::no; }
  // No new streams, in two steps, so that none is lost on its way: a notice, and when the client has seen
  // that (or at finish_drain(), if it answers no pings) the end of what is accepted. Then streams go on to
  // their end, and so does the connection.
  void drain() override;
  void finish_drain() override;
  // The head that began to arrive took too long; nothing else can come before it does.
  void refuse_head(const base::Error& error) override;

  const Counters& counters() const { return counters_; }

 private:
  enum class Drain : std::uint8_t { no, noticed, final };

  std::optional<H2Head::Kind> on_head_begun(std::int32_t id) override;
  void on_head(H2Head& head, H2Head::Ends ends) override;
  void on_data(std::int32_t id, std::string_view bytes) override;
  void on_end(std::int32_t id) override;
  void on_malformed(std::int32_t id) override;
  void on_peer_reset(std::int32_t id, H2Code code) override;
  void on_closed(H2Stream& stream, H2Code code) override;
  void on_reset_framed(H2Code code) override;
  void on_data_framed(std::size_t payload) override;
  void on_empty_data() override;
  void on_ping_answered(std::uint64_t ping) override;
  void on_peer_goaway(std::int32_t last) override;
  void on_swept() override;
  base::Error broken(H2Code code) const override;

  H2ServerStream* find_stream(std::int32_t id) const { return static_cast<H2ServerStream*>(find(id)); }
  void on_request(H2ServerStream& stream, H2Head& head, H2Head::Ends ends);
  H2Code error_of(const H2FrameHead& frame);
  H2Code error_of_message(const H2FrameHead& frame);
  // The limit that one more frame goes beyond.
  H2Limit judge(const H2FrameHead& frame);
  H2Limit count(H2Limit what);
  void make_key(http::Request& request);

  ServerCodecOwner& server_owner_;
  H2FrameScan scan_{kH2Preface.size()};
  H2StreamIds ids_;
  H2Guard guard_;
  Counters counters_;
  base::Time now_{};
  std::uint64_t random_;
  std::uint32_t most_streams_;
  std::uint32_t continuations_ = 0;  // of the latest head
  Drain drain_ = Drain::no;
  bool in_block_ = false;  // the head's last frame has not come
  bool read_ended_ = false;
  bool client_goes_ = false;
};

}  // namespace weir::codec
