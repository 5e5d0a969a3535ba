#include "proxy/codec/h2_session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/codec/h2_callbacks.h"

namespace weir::codec {
namespace {

// Frames that are written without nghttp2, which is of no use any more after an error.
constexpr std::string_view kEmptySettings("\0\0\0\4\0\0\0\0\0", 9);
constexpr std::string_view kGoawayHead("\0\0\10\7\0\0\0\0\0", 9);

char* put_number(char* at, std::uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<char>(number >> shift & 0xff);
  return at;
}

std::int32_t number_at(std::string_view bytes) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<std::uint8_t>(bytes[i]);
  return static_cast<std::int32_t>(number);
}

bool begins_or_continues_head(std::string_view frame) {
  const auto type = static_cast<std::uint8_t>(frame[3]);
  return type == NGHTTP2_HEADERS || type == NGHTTP2_CONTINUATION;
}

}  // namespace

H2Session::H2Session(Side side, CodecOwner& owner, Scratch& scratch)
    : owner_(owner), queue_(scratch), side_(side) {
  session_ = side == Side::server ? H2Callbacks::make_server(*this, scratch)
                                  : H2Callbacks::make_client(*this, scratch);
}

H2Session::~H2Session() {
  nghttp2_session_del(session_);
}

void H2Session::feed(std::string_view bytes) {
  if (over_) return;
  if (waiting_before_settings_) begin_settings();  // the rest of them comes now
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const ssize_t used = nghttp2_session_mem_recv(session_, data, bytes.size());
  if (used < 0) failed(static_cast<int>(used));
}

void H2Session::begin_settings() {
  waiting_before_settings_ = frames_waiting();
}

// What makes a stream's window too large is an error of the connection (RFC 9113 6.9.2). nghttp2 resets that
// stream, which is one frame more than the acknowledgement.
void H2Session::end_settings(bool acknowledgement) {
  const std::size_t before = std::exchange(waiting_before_settings_, std::nullopt).value_or(0);
  if (acknowledgement) return;
  if (frames_waiting() > before + 1) nghttp2_session_terminate_session(session_, NGHTTP2_FLOW_CONTROL_ERROR);
  on_peer_settings();
}

// nghttp2 cannot go on: because we said so, or because the peer left it no way.
void H2Session::failed(int error) {
  if (over_) return;
  if (error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) hit(H2Limit::continuations);
  if (error == NGHTTP2_ERR_FLOODED) hit(H2Limit::acks);
  H2Code code = H2Code::internal_error;
  if (limit_hit_ != H2Limit::none) code = H2Code::enhance_your_calm;
  if (error == NGHTTP2_ERR_BAD_CLIENT_MAGIC) code = H2Code::protocol_error;
  end(code, broken(code));
}

std::size_t H2Session::frames_waiting() const {
  return over_ ? 0 : nghttp2_session_get_outbound_queue_size(session_);
}

void H2Session::hit(H2Limit limit) {
  if (limit_hit_ == H2Limit::none) limit_hit_ = limit;
}

void H2Session::exceed(H2Limit limit) {
  hit(limit);
  end(H2Code::enhance_your_calm, broken(H2Code::enhance_your_calm));
}

void H2Session::end(H2Code code, const base::Error& error) {
  if (over_) return;
  ended_with_ = code;
  write_goaway(code);
  stop(Next::linger, error);
}

void H2Session::stop(Next next, const base::Error& error) {
  silence(next);
  end_streams(error);
  changed();
}

void H2Session::silence(Next next) {
  over_ = true;
  next_ = next;
  changed();
}

void H2Session::end_streams(const base::Error& error) {
  for_each_stream([&error](H2Stream& stream) {
    stream.close();
    stream.abort(error);
  });
}

void H2Session::write_goaway(H2Code code) {
  Output& out = queue_.out();
  if (side_ == Side::server && queue_.gone() + queue_.pending() == 0) out.copy(kEmptySettings);
  out.write(kGoawayHead.size() + 8, [&](char* at) {
    at = std::copy(kGoawayHead.begin(), kGoawayHead.end(), at);
    at = put_number(
        at, static_cast<std::uint32_t>(side_ == Side::server ? std::min(last_peer_stream_, last_said_) : 0));
    return put_number(at, static_cast<std::uint32_t>(code));
  });
}

void H2Session::produce(std::size_t room) {
  producing_ = true;
  Touched turn;
  submit_waiting(turn);
  to_produce_ = false;
  frame(room);
  end_turn(turn);
  producing_ = false;
  if (!over_ && ended_with_ != H2Code::no_error) stop(Next::linger, broken(ended_with_));
  sweep();
  if (over_) return;
  on_swept();
  // After a GOAWAY of either side nothing begins any more.
  if (streams_.empty() && !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_))
    next_ = Next::linger;
  if (to_produce_ || !touched_.empty()) changed();  // by what handlers did meanwhile
}

bool H2Session::keep_lent() {
  std::size_t lent = 0;
  bool all_end = true;
  touched_.for_each([&](const H2Stream& stream) {
    lent += stream.lent();
    all_end &= stream.ends();
  });
  if (lent >= kMuchLent || !all_end) return false;
  touched_.for_each([](H2Stream& stream) { stream.end_turn(nullptr); });
  return true;
}

// Those of this turn go to `turn`; they may make others, which are of it, too.
void H2Session::submit_waiting(Touched& turn) {
  while (!touched_.empty()) {
    H2Stream& stream = touched_.pop_front();
    turn.push_back(stream);
    if (!over_) stream.submit_waiting();
  }
}

void H2Session::frame(std::size_t room) {
  if (over_ || muted_) return;
  room_ = room;
  while (has_room() || inside_head_) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return failed(static_cast<int>(size));
    if (size == 0) return;
    copy_framed({reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)});
  }
}

void H2Session::changed() {
  to_produce_ = true;
  if (!producing_) owner_.on_codec_changed();
}

// Everything but DATA, one frame at a time.
void H2Session::copy_framed(std::string_view bytes) {
  if (static_cast<std::uint8_t>(bytes[3]) == NGHTTP2_GOAWAY) return copy_goaway(bytes);
  queue_.out().copy(bytes);
  inside_head_ = begins_or_continues_head(bytes) && (bytes[4] & NGHTTP2_FLAG_END_HEADERS) == 0;
}

// nghttp2's own, of an error, knows nothing of one that waited to be framed as it was made.
void H2Session::copy_goaway(std::string_view frame) {
  constexpr std::size_t kHead = 9;
  last_said_ = std::min(last_said_, number_at(frame.substr(kHead)));
  char last[4];
  put_number(last, static_cast<std::uint32_t>(last_said_));
  queue_.out().copy(frame.substr(0, kHead));
  queue_.out().copy({last, sizeof last});
  queue_.out().copy(frame.substr(kHead + sizeof last));
}

std::size_t H2Session::queue_out() const {
  return queue_.gathered();
}

bool H2Session::wants_room() const {
  return !over_ && nghttp2_session_want_write(session_) != 0;
}

// What was lent and not framed is copied, for its owner takes it back.
void H2Session::end_turn(Touched& turn) {
  Output* out = framed();
  while (!turn.empty()) turn.pop_front().end_turn(out);
}

void H2Session::sent(std::size_t wire_bytes) {
  queue_.left(wire_bytes);
  ledger_.take(queue_.gone(), [this](const H2Ledger::Frame& frame) {
    data_gone_ = frame.end;
    if (H2Stream* stream = find(frame.stream)) stream->sent(frame.payload);
  });
}

H2Stream* H2Session::find(std::int32_t id) const {
  const auto at = std::lower_bound(streams_.begin(), streams_.end(), id,
                                   [](const auto& stream, std::int32_t id) { return stream->id() < id; });
  return at == streams_.end() || (*at)->id() != id ? nullptr : at->get();
}

void H2Session::add(std::unique_ptr<H2Stream> stream) {
  WEIR_CHECK(streams_.empty() || streams_.back()->id() < stream->id());
  streams_.push_back(std::move(stream));
}

std::size_t H2Session::window_of(const H2Stream& stream) const {
  const std::int32_t left = nghttp2_session_get_stream_remote_window_size(session_, stream.id());
  return static_cast<std::size_t>(std::max(left, 0));
}

// Never inside a stream's own callback.
void H2Session::sweep() {
  if (!std::exchange(to_sweep_, false)) return;
  std::erase_if(streams_, [](const auto& stream) { return stream->done(); });
  if (streams_.empty()) decltype(streams_)().swap(streams_);
}

void H2Session::give_head_back() {
  if (head_) scratch().give_back(std::move(head_));
}

void H2Session::touch(H2Stream& stream) {
  if (!over_ && !stream.linked()) touched_.push_back(stream);
  changed();
}

// It is no error that nothing was deferred.
void H2Session::resume_data(H2Stream& stream) {
  if (!over_) nghttp2_session_resume_data(session_, stream.id());
  touch(stream);
}

void H2Session::consume(std::int32_t id, std::size_t bytes) {
  if (over_ || bytes == 0) return;
  nghttp2_session_consume(session_, id, bytes);
  changed();
}

void H2Session::consume_for_connection(std::size_t bytes) {
  if (over_ || bytes == 0) return;
  nghttp2_session_consume_connection(session_, bytes);
  changed();
}

void H2Session::submit_response(H2Stream& stream, const H2Pairs& head, H2Head::Ends ends) {
  if (over_) return;
  const auto pairs = H2Callbacks::pairs(head);
  const nghttp2_data_provider provider = H2Callbacks::provider(stream);
  nghttp2_submit_response(session_, stream.id(), pairs.data(), pairs.size(),
                          ends == H2Head::Ends::here ? nullptr : &provider);
}

void H2Session::submit_interim(std::int32_t id, const H2Pairs& head) {
  if (over_) return;
  const auto pairs = H2Callbacks::pairs(head);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(), pairs.size(), nullptr);
  changed();
}

void H2Session::submit_notice() {
  nghttp2_submit_shutdown_notice(session_);
  changed();
}

void H2Session::submit_last() {
  const std::int32_t last = nghttp2_session_get_last_proc_stream_id(session_);
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, nullptr, 0);
  changed();
}

void H2Session::submit_ping(std::uint64_t ping) {
  std::uint8_t opaque[8];
  std::memcpy(opaque, &ping, sizeof opaque);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, opaque);
  changed();
}

std::int32_t H2Session::submit_request(H2Stream& stream, const H2Pairs& head, H2Head::Ends ends) {
  const auto pairs = H2Callbacks::pairs(head);
  const nghttp2_data_provider provider = H2Callbacks::provider(stream);
  return nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                ends == H2Head::Ends::here ? nullptr : &provider, nullptr);
}

bool H2Session::allows_request() const {
  return !over_ && nghttp2_session_check_request_allowed(session_) != 0;
}

bool H2Session::peer_takes_connect() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

std::size_t H2Session::most_outgoing() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void H2Session::submit_reset(std::int32_t id, std::uint32_t code) {
  if (over_) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  changed();
}

}  // namespace weir::codec
