#include "proxy/codec/h2_server.h"

#include <algorithm>
#include <utility>

#include "proxy/codec/websocket_key.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

constexpr Error kGone{Reason::client_gone, Fault::downstream, Retry::never, 0, "the client went away"};
constexpr Error kBadStream{Reason::bad_request, Fault::downstream, Retry::never, 400,
                           "the client broke the rules of HTTP/2 inside its request"};
constexpr Error kBadConnection{Reason::bad_request, Fault::downstream, Retry::never, 400,
                               "the client broke the rules of HTTP/2"};
constexpr Error kFlood{Reason::rate_limited, Fault::downstream, Retry::never, 0,
                       "the client went beyond a limit of HTTP/2"};

constexpr std::uint32_t kPriority = 5;              // bytes of PRIORITY
constexpr std::uint64_t kDrainPing = 0x6e69617264;  // tells its answer from others
constexpr std::size_t kMostWaiting = 1000;          // frames but DATA: more than all streams may come to
constexpr std::size_t kLeastUpdate = 512;           // bytes of a WINDOW_UPDATE that gives back what was sent

// What a client provokes us to, rather than a node or we ourselves.
bool is_provoked(H2Code code) {
  return code == H2Code::protocol_error || code == H2Code::flow_control_error ||
         code == H2Code::stream_closed || code == H2Code::refused_stream || code == H2Code::frame_size_error;
}

}  // namespace

H2Server::H2Server(ServerCodecOwner& owner, Scratch& scratch, std::uint64_t seed)
    : H2Session(Side::server, owner, scratch),
      server_owner_(owner),
      random_(seed),
      most_streams_(scratch.h2_limits.streams) {}

H2Server::Preface H2Server::recognise(std::string_view first) {
  if (first.starts_with(kH2Preface)) return Preface::yes;
  return kH2Preface.starts_with(first) ? Preface::maybe : Preface::no;
}

// What comes before a frame that is one too many is still read.
void H2Server::receive(std::string_view bytes, base::Time now) {
  if (over()) return;
  now_ = now;
  H2Limit exceeded = H2Limit::none;
  H2Code error = H2Code::no_error;
  const std::size_t good = scan_.scan(bytes, [&](const H2FrameHead& frame) {
    error = error_of(frame);
    if (error == H2Code::no_error) exceeded = judge(frame);
    return error == H2Code::no_error && exceeded == H2Limit::none;
  });
  feed(bytes.substr(0, good));
  // What it makes us say waits where it takes nothing.
  if (exceeded == H2Limit::none && frames_waiting() > kMostWaiting) exceeded = H2Limit::provoked_resets;
  if (exceeded != H2Limit::none) exceed(exceeded);
  if (error != H2Code::no_error) end(error, kBadConnection);
  changed();
}

// Requests that are whole are answered as far as the client's windows go.
void H2Server::receive_end() {
  read_ended_ = true;
  for_each_stream([](H2Stream& stream) {
    auto& each = static_cast<H2ServerStream&>(stream);
    if (!each.peer_ended()) each.lose(kGone);
  });
  changed();
}

void H2Server::receive_error() {
  abandon(kGone);
}

void H2Server::send_failed() {
  abandon(kGone);
}

void H2Server::abandon(const Error& error) {
  stop(Next::close, error);
}

bool H2Server::has_held() const {
  bool held = false;
  for_each_stream([&held](const H2Stream& stream) {
    held |= stream.has_handler() && static_cast<const H2ServerStream&>(stream).has_early();
  });
  return held;
}

void H2Server::resume() {
  H2ServerStream* first = nullptr;
  for_each_stream([&first](H2Stream& stream) {
    auto& each = static_cast<H2ServerStream&>(stream);
    if (!first && each.has_handler() && each.has_early()) first = &each;
  });
  if (first) first->receive_early(scratch().spent);
  changed();
}

bool H2Server::in_tunnel() const {
  bool tunnel = false;
  for_each_stream([&tunnel](const H2Stream& stream) {
    tunnel |= static_cast<const H2ServerStream&>(stream).in_tunnel();
  });
  return tunnel;
}

bool H2Server::has_orphans() const {
  bool orphans = false;
  for_each_stream([&orphans](const H2Stream& stream) { orphans |= stream.orphaned(); });
  return orphans;
}

std::size_t H2Server::held_bytes() const {
  std::size_t held = unfinished_head();
  for_each_stream([&held](const H2Stream& stream) { held += stream.held_bytes(); });
  return held;
}

void H2Server::mark_orphans() {
  for_each_stream([](H2Stream& stream) {
    if (stream.orphaned()) stream.mark();
  });
}

void H2Server::reset_marked() {
  for_each_stream([](H2Stream& stream) {
    if (stream.orphaned() && stream.marked()) stream.reset_with(static_cast<std::uint32_t>(H2Code::cancel));
  });
}

void H2Server::drain() {
  if (drain_ != Drain::no || over()) return;
  drain_ = Drain::noticed;
  submit_notice();
  submit_ping(kDrainPing);
}

void H2Server::finish_drain() {
  if (drain_ == Drain::final || over()) return;
  drain_ = Drain::final;
  submit_last();
}

void H2Server::on_ping_answered(std::uint64_t ping) {
  if (ping == kDrainPing && drain_ == Drain::noticed) finish_drain();
}

void H2Server::refuse_head(const Error& error) {
  end(H2Code::enhance_your_calm, error);
}

// A stream that was reset counts until the turn ends, so that no more work is ever begun in one than may be
// open.
std::optional<H2Head::Kind> H2Server::on_head_begun(std::int32_t id) {
  if (H2ServerStream* stream = find_stream(id)) {
    if (stream->takes_trailers()) return H2Head::Kind::trailers;
    return std::nullopt;
  }
  const bool too_many = streams() >= most_streams_ || heads_held() >= scratch().h2_limits.heads;
  if (too_many || drain_ == Drain::final || client_goes_) {
    ++counters_.refused;
    submit_reset(id, static_cast<std::uint32_t>(H2Code::refused_stream));
    return std::nullopt;
  }
  ++counters_.streams;
  add(std::make_unique<H2ServerStream>(*this, id));
  return H2Head::Kind::request;
}

void H2Server::on_head(H2Head& head, H2Head::Ends ends) {
  H2ServerStream* stream = find_stream(head.stream());
  if (!stream) return;
  if (head.kind() == H2Head::Kind::trailers) return stream->receive_trailers(head);
  on_request(*stream, head, ends);
}

void H2Server::on_request(H2ServerStream& stream, H2Head& head, H2Head::Ends ends) {
  http::Request& request = scratch().request;
  const auto good = head.finish_request(ends, scratch().limits, request);
  if (!good && good.error().status == 0) {
    submit_reset(stream.id(), static_cast<std::uint32_t>(H2Code::protocol_error));
    return on_malformed(stream.id());
  }
  stream.hold_head(head.size());
  if (!good) request.upgrade.clear();
  stream.begin(request, ends);
  if (!good) {
    stream.begin_refusal();
    server_owner_.on_refused(stream, good.error());
    return stream.end_refusal();
  }
  if (http::same_name(request.upgrade, "websocket")) make_key(request);
  stream.start(server_owner_.on_stream(stream), request);
}

// HTTP/1.1 nodes want a key, which HTTP/2 has no use for (RFC 8441 5).
void H2Server::make_key(http::Request& request) {
  request.fields.set("Sec-WebSocket-Key", make_websocket_key(random_));
}

void H2Server::on_data(std::int32_t id, std::string_view bytes) {
  if (H2ServerStream* stream = find_stream(id))
    stream->receive_data(bytes);
  else
    consume_for_connection(bytes.size());
}

void H2Server::on_end(std::int32_t id) {
  if (H2ServerStream* stream = find_stream(id)) stream->receive_end();
}

void H2Server::on_malformed(std::int32_t id) {
  ++counters_.malformed;
  if (H2ServerStream* stream = find_stream(id)) stream->abort(kBadStream);
}

void H2Server::on_peer_reset(std::int32_t id, H2Code) {
  ++counters_.client_resets;
  if (H2ServerStream* stream = find_stream(id)) stream->note_peer_reset();
}

void H2Server::on_closed(H2Stream& stream, H2Code) {
  static_cast<H2ServerStream&>(stream).closed();
}

void H2Server::on_reset_framed(H2Code code) {
  if (is_provoked(code)) hit(count(H2Limit::provoked_resets));
}

void H2Server::on_data_framed(std::size_t payload) {
  counters_.data_framed += payload;
  const auto reasons = 2 + 2 * static_cast<std::uint32_t>(payload / kLeastUpdate);
  guard_.give(H2Limit::window_updates, scratch().h2_limits, reasons);
  guard_.give(H2Limit::pings, scratch().h2_limits, 1);  // a client may measure the way as data comes
}

void H2Server::on_empty_data() {
  hit(count(H2Limit::empty_frames));
}

// What RFC 9113 (4.2, 5.1, 5.1.1, 6.3) and RFC 9218 (7.1) make an error of the connection, and nghttp2 passes
// over, or calls by another name.
H2Code H2Server::error_of(const H2FrameHead& frame) {
  switch (frame.type) {
    case H2FrameHead::headers:
    case H2FrameHead::data:
      return error_of_message(frame);
    case H2FrameHead::continuation:
      in_block_ = in_block_ && !frame.ends_headers();
      return H2Code::no_error;
    case H2FrameHead::rst_stream:
      ids_.end(frame.stream);
      return H2Code::no_error;
    case H2FrameHead::priority: {
      const bool on_itself = frame.length == kPriority && frame.subject == frame.stream;
      return frame.stream == 0 || on_itself ? H2Code::protocol_error : H2Code::no_error;
    }
    case H2FrameHead::priority_update: {
      const bool of_none = frame.length >= sizeof frame.subject && frame.subject == 0;
      return of_none ? H2Code::protocol_error : H2Code::no_error;
    }
    default:
      return H2Code::no_error;
  }
}

H2Code H2Server::error_of_message(const H2FrameHead& frame) {
  if (std::exchange(in_block_, frame.type == H2FrameHead::headers && !frame.ends_headers()))
    return H2Code::no_error;  // nothing but CONTINUATION may stand here: nghttp2 knows
  if (frame.padded() && frame.length == 0) return H2Code::frame_size_error;
  if (frame.stream % 2 == 0) return H2Code::no_error;  // likewise
  if (ids_.has_ended(frame.stream)) return H2Code::stream_closed;
  if (frame.type == H2FrameHead::headers && !ids_.admit(frame.stream)) return H2Code::protocol_error;
  if (frame.ends_stream()) ids_.end(frame.stream);
  return H2Code::no_error;
}

H2Limit H2Server::judge(const H2FrameHead& frame) {
  using Type = H2FrameHead::Type;
  switch (frame.type) {
    case Type::continuation:
      if (++continuations_ > scratch().h2_limits.continuations) return H2Limit::continuations;
      [[fallthrough]];
    case Type::data:
      return frame.length > 0 || frame.ends_stream() ? H2Limit::none : count(H2Limit::empty_frames);
    case Type::headers:
      continuations_ = 0;
      return H2Limit::none;
    case Type::rst_stream:
      return count(H2Limit::client_resets);
    case Type::ping:
      return count(H2Limit::pings);
    case Type::settings:
      return count(H2Limit::settings);
    case Type::window_update:
      return count(H2Limit::window_updates);
    case Type::priority:
    case Type::priority_update:
      return count(H2Limit::priorities);
    default:
      return count(H2Limit::other_frames);
  }
}

H2Limit H2Server::count(H2Limit what) {
  return guard_.take(what, scratch().h2_limits, now_) ? H2Limit::none : what;
}

// It begins nothing more, and the connection ends with what has begun.
void H2Server::on_peer_goaway(std::int32_t) {
  client_goes_ = true;
}

void H2Server::on_swept() {
  if (read_ended_ && streams() == 0) silence(Next::linger);
}

Error H2Server::broken(H2Code code) const {
  return code == H2Code::enhance_your_calm ? kFlood : kBadConnection;
}

}  // namespace weir::codec
