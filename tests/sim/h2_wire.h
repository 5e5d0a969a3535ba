// HTTP/2 as the model peers read and write it: frames by hand, strict, and sharing nothing with proxy/codec
// but nghttp2's HPACK, which decodes heads here and does nothing else. It is one end of one connection: it
// keeps both ends' windows, settings and streams, and knows what the other end may send. What Weir sends must
// be read without a word. Its owner sends what take() yields, when and as it likes.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/message_reader.h"
#include "tests/unit/codec/h2_frames.h"

namespace weir::sim {

using codec::H2List;

enum class H2Error : std::uint32_t {
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

// Their order on a stream is that of a message. A head is told as HTTP/1.1's would be: method, target,
// "HTTP/2.0"; or "HTTP/2.0", status, "".
class H2WireHandler {
 public:
  enum class Ends : std::uint8_t { here, later };
  virtual void on_head(std::uint32_t stream, const MessageHead& head, Ends ends) = 0;
  virtual void on_body(std::uint32_t stream, std::string_view bytes) = 0;
  virtual void on_trailers(std::uint32_t stream, const MessageHead& trailers) = 0;
  virtual void on_message_end(std::uint32_t stream) = 0;
  virtual void on_reset(std::uint32_t stream, H2Error code) = 0;
  virtual void on_goaway(std::uint32_t last, H2Error code) = 0;
  virtual void on_unblocked(std::uint32_t) {}  // all that was to be sent of a body has been framed

 protected:
  ~H2WireHandler() = default;
};

class H2Wire {
 public:
  enum class Side : std::uint8_t { client, server };
  using Ends = H2WireHandler::Ends;
  struct Setting {
    std::uint16_t id;
    std::uint32_t value;
  };
  static constexpr std::uint32_t kWindow = 65'535;  // until settings say otherwise
  static constexpr std::size_t kMostFrame = 16'384;

  H2Wire(Side side, H2WireHandler& handler);
  ~H2Wire();
  H2Wire(const H2Wire&) = delete;
  H2Wire& operator=(const H2Wire&) = delete;

  // False once the bytes are no HTTP/2 that this end has to take; problem() says why.
  bool read(std::string_view bytes);
  void stop() { stopped_ = true; }  // reads nothing more
  std::string_view problem() const { return problem_; }
  // Inside a frame, or a head.
  bool inside_frame() const { return !held_.empty() || block_stream_ != 0; }

  // What this end says. Settings hold from when the other end has acknowledged them. A client's preface comes
  // with the first of them.
  void settings(const std::vector<Setting>& settings);
  std::uint32_t request(const H2List& fields, Ends ends);  // a client's next stream
  void head(std::uint32_t stream, const H2List& fields, Ends ends);
  // Framed as windows allow; later parts behind earlier ones, `trailers` behind the last.
  void body(std::uint32_t stream, std::string bytes, Ends ends, H2List trailers = {});
  void reset(std::uint32_t stream, H2Error code);
  void forget(std::uint32_t stream);  // nobody here hears of it any more; the other end is not told
  void goaway(std::uint32_t last, H2Error code);
  void grant(std::uint32_t stream, std::size_t bytes);  // of a stream and its connection
  void ping();
  void raw(std::string_view bytes) { out_ += bytes; }
  // What was sent past this: so many requests, whose answers nobody reads, so many settings, and so many
  // bytes for the connection.
  void note_sent(std::uint32_t requests, std::size_t settings, std::size_t granted);
  std::string take() { return std::exchange(out_, {}); }

  bool settled() const { return settings_seen_; }
  std::size_t streams() const { return streams_.size(); }  // that are open
  bool has(std::uint32_t stream) const { return streams_.contains(stream); }
  bool sends_still(std::uint32_t stream) const;
  std::uint32_t next_stream() const { return next_; }  // of a client
  std::uint32_t last_peer_stream() const { return last_peer_; }
  std::uint32_t peer_limit() const { return peer_limit_; }
  bool peer_takes_connect() const { return peer_takes_connect_; }
  std::uint32_t pings_answered() const { return pings_answered_; }
  // A request to HEAD, whose answer has no body.
  void answers_head(std::uint32_t stream) { streams_.at(stream).to_head = true; }

 private:
  enum class Receiving : std::uint8_t { head, body, ended };
  struct Stream {
    Receiving receiving = Receiving::head;
    bool sent_all = false;
    bool to_head = false;
    bool tunnel = false;
    std::optional<std::uint64_t> length;  // that the head announced
    std::uint64_t received = 0;
    std::int64_t receive_window = 0, send_window = 0;
    std::string out;
    std::size_t out_at = 0;
    bool ends = false;
    H2List trailers;
  };
  struct Frame {
    std::uint8_t type, flags;
    std::uint32_t stream;
    std::string_view payload;
    bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
  };

  bool fail(std::string_view why);
  bool take_frame(const Frame& frame);
  bool take_data(Frame frame);
  bool take_headers(Frame frame);
  bool take_continuation(const Frame& frame);
  bool take_block();
  bool decode(H2List& fields);
  bool begin_stream(std::uint32_t id);
  void open(std::uint32_t id);
  bool take_message_head(std::uint32_t id, Stream& stream, const H2List& fields);
  bool take_trailers(std::uint32_t id, const H2List& fields);
  bool parse_request(const H2List& fields, MessageHead& head) const;
  bool parse_response(const H2List& fields, MessageHead& head) const;
  bool take_fields(const H2List& fields, MessageHead& head);
  bool end_message(std::uint32_t id);
  bool take_reset(const Frame& frame);
  bool take_settings(const Frame& frame);
  bool take_setting(std::uint16_t id, std::uint32_t value);
  bool take_ack();
  bool take_window(const Frame& frame);
  bool is_idle(std::uint32_t id) const;
  void send_all();
  void send_some(std::uint32_t id, Stream& stream);
  void close_if_over(std::uint32_t id);

  const Side side_;
  H2WireHandler& handler_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string held_, block_, out_;
  std::uint32_t block_stream_ = 0;
  Ends block_ends_ = Ends::later;
  std::map<std::uint32_t, Stream> streams_;
  std::set<std::uint32_t> reset_by_us_;
  std::deque<std::vector<Setting>> unacknowledged_;
  std::int64_t send_window_ = kWindow, receive_window_ = kWindow;
  std::uint32_t peer_window_ = kWindow, window_ = kWindow;      // that streams begin with
  std::uint32_t peer_limit_ = UINT32_MAX, limit_ = UINT32_MAX;  // of streams; of the other end's
  std::uint32_t last_peer_ = 0, next_ = 1;
  std::uint32_t pings_answered_ = 0;
  std::size_t preface_ = 0;  // bytes of it that have come
  bool peer_takes_connect_ = false;
  bool settings_seen_ = false;
  bool introduced_ = false;
  bool stopped_ = false;
  std::string_view problem_;
};

}  // namespace weir::sim
