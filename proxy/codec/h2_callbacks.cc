#include "proxy/codec/h2_callbacks.h"

#include <algorithm>
#include <cstring>

#include "proxy/base/check.h"

namespace weir::codec {
namespace {

// Less is not worth a frame of its own, if only room is short.
constexpr std::size_t kLeastPayload = 1024;
constexpr std::size_t kFrameHead = 9;

H2Session& session_of(void* self) {
  return *static_cast<H2Session*>(self);
}

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

std::uint64_t number_of(const std::uint8_t (&opaque)[8]) {
  std::uint64_t number;
  std::memcpy(&number, opaque, sizeof number);
  return number;
}

struct Freed {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

using Option = std::unique_ptr<nghttp2_option, Freed>;
using Callbacks = std::unique_ptr<nghttp2_session_callbacks, Freed>;

Callbacks make_callbacks() {
  nghttp2_session_callbacks* made = nullptr;
  WEIR_CHECK(nghttp2_session_callbacks_new(&made) == 0);
  using C = H2Callbacks;
  nghttp2_session_callbacks_set_on_begin_frame_callback(made, C::on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(made, C::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback2(made, C::on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(made, C::on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, C::on_frame_recv);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, C::on_invalid_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, C::on_data_chunk_recv);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, C::on_stream_close);
  nghttp2_session_callbacks_set_on_frame_send_callback(made, C::on_frame_send);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(made, C::on_frame_not_send);
  nghttp2_session_callbacks_set_data_source_read_length_callback(made, C::read_length);
  nghttp2_session_callbacks_set_send_data_callback(made, C::send_data);
  return Callbacks(made);
}

Option make_option(const Scratch& scratch) {
  nghttp2_option* made = nullptr;
  WEIR_CHECK(nghttp2_option_new(&made) == 0);
  const H2Limits& limits = scratch.h2_limits;
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_max_outbound_ack(made, limits.acks);
  nghttp2_option_set_max_settings(made, limits.settings_each);
  // It counts one anew wherever a read cuts the frame's head; ours does not, and comes first.
  nghttp2_option_set_max_continuations(made, (limits.continuations + 1) * kFrameHead);
  // A head that was received is to be sent, too; what HPACK may make of one is a little more.
  nghttp2_option_set_max_send_header_block_length(made, 2 * scratch.limits.head + 64 * 1024);
  // Ours knows the time, and comes first.
  nghttp2_option_set_stream_reset_rate_limit(made, UINT32_MAX, UINT32_MAX);
  return Option(made);
}

void announce(nghttp2_session* session, std::size_t window,
              const std::vector<nghttp2_settings_entry>& settings) {
  WEIR_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
  WEIR_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                                   static_cast<std::int32_t>(window)) == 0);
}

}  // namespace

nghttp2_session* H2Callbacks::make_server(H2Session& session, const Scratch& scratch) {
  const Option option = make_option(scratch);
  nghttp2_option_set_builtin_recv_extension_type(option.get(), NGHTTP2_PRIORITY_UPDATE);
  nghttp2_session* made = nullptr;
  WEIR_CHECK(nghttp2_session_server_new2(&made, make_callbacks().get(), &session, option.get()) == 0);
  announce(made, H2Session::kServerWindow,
           {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, scratch.h2_limits.streams},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kOwedBound},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(scratch.limits.head)},
            {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
            {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}});
  return made;
}

nghttp2_session* H2Callbacks::make_client(H2Session& session, const Scratch& scratch) {
  const Option option = make_option(scratch);
  nghttp2_session* made = nullptr;
  WEIR_CHECK(nghttp2_session_client_new2(&made, make_callbacks().get(), &session, option.get()) == 0);
  announce(made, H2Session::kClientWindow,
           {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kOwedBound},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(scratch.limits.head)},
            {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}});
  return made;
}

nghttp2_data_provider H2Callbacks::provider(H2Stream& stream) {
  nghttp2_data_provider provider;
  provider.source.ptr = &stream;
  provider.read_callback = read_data;
  return provider;
}

std::vector<nghttp2_nv> H2Callbacks::pairs(const H2Pairs& pairs) {
  std::vector<nghttp2_nv> made(pairs.size());
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  for (std::size_t i = 0; i < made.size(); ++i) {
    const H2Pairs::Pair pair = pairs[i];
    const bool secret = pair.keep == H2Pairs::Pair::Keep::nowhere;
    made[i] = {bytes(pair.name), bytes(pair.value), pair.name.size(), pair.value.size(),
               static_cast<std::uint8_t>(secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)};
  }
  return made;
}

// Once the connection is over nghttp2 is to stop where it is.
int H2Callbacks::go_on(const H2Session& session) {
  return session.over() || session.limit_hit() != H2Limit::none ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

int H2Callbacks::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
  if (head->type == NGHTTP2_SETTINGS) session_of(self).begin_settings();
  return 0;
}

int H2Callbacks::on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  H2Session& session = session_of(self);
  const std::int32_t id = frame->hd.stream_id;
  session.last_peer_stream_ = std::max(session.last_peer_stream_, id);
  session.give_head_back();
  if (const auto kind = session.on_head_begun(id)) {
    session.head_ = session.scratch().take_head();
    session.head_->begin(id, *kind);
  }
  return go_on(session);
}

int H2Callbacks::on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                           nghttp2_rcbuf* value, std::uint8_t, void* self) {
  H2Session& session = session_of(self);
  const std::int32_t id = frame->hd.stream_id;
  if (!session.head_ || session.head_->stream() != id) return 0;
  const HeadLimits& limits = session.scratch().limits;
  const bool good = session.head_->add(text_of(name), text_of(value), limits);
  if (session.head_->size() / session.scratch().h2_limits.header_times > limits.head)
    session.hit(H2Limit::header);
  if (good) return go_on(session);
  session.submit_reset(id, NGHTTP2_PROTOCOL_ERROR);
  session.give_head_back();
  session.on_malformed(id);
  return go_on(session) != 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// An invalid field is no reason to pass over the field, but to pass over the message.
int H2Callbacks::on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t,
                                   const std::uint8_t*, std::size_t, std::uint8_t, void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int H2Callbacks::on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  H2Session& session = session_of(self);
  const std::int32_t id = frame->hd.stream_id;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      on_headers(session, *frame);
      break;
    case NGHTTP2_DATA:
      if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        session.on_end(id);
      else if (frame->hd.length > 0 && frame->hd.length == frame->data.padlen)
        session.on_empty_data();
      break;
    case NGHTTP2_RST_STREAM:
      session.on_peer_reset(id, static_cast<H2Code>(frame->rst_stream.error_code));
      break;
    case NGHTTP2_PING:
      if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        session.on_ping_answered(number_of(frame->ping.opaque_data));
      break;
    case NGHTTP2_SETTINGS:
      session.end_settings((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
      break;
    case NGHTTP2_GOAWAY:
      session.on_peer_goaway(frame->goaway.last_stream_id);
      break;
    default:
      break;
  }
  return go_on(session);
}

void H2Callbacks::on_headers(H2Session& session, const nghttp2_frame& frame) {
  if (!session.head_ || session.head_->stream() != frame.hd.stream_id) return;
  std::unique_ptr<H2Head> head = std::move(session.head_);
  const bool ends = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  session.on_head(*head, ends ? H2Head::Ends::here : H2Head::Ends::later);
  session.scratch().give_back(std::move(head));
}

int H2Callbacks::on_invalid_frame_recv(nghttp2_session*, const nghttp2_frame* frame, int, void* self) {
  H2Session& session = session_of(self);
  if (session.head_ && session.head_->stream() == frame->hd.stream_id) session.give_head_back();
  session.on_malformed(frame->hd.stream_id);
  return go_on(session);
}

int H2Callbacks::on_data_chunk_recv(nghttp2_session*, std::uint8_t, std::int32_t id,
                                    const std::uint8_t* bytes, std::size_t size, void* self) {
  H2Session& session = session_of(self);
  session.on_data(id, {reinterpret_cast<const char*>(bytes), size});
  return go_on(session);
}

int H2Callbacks::on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* self) {
  H2Session& session = session_of(self);
  if (session.head_ && session.head_->stream() == id) session.give_head_back();  // the rest says nothing
  if (H2Stream* stream = session.find(id)) session.on_closed(*stream, static_cast<H2Code>(code));
  return go_on(session);
}

int H2Callbacks::on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  H2Session& session = session_of(self);
  const std::uint8_t type = frame->hd.type;
  if (type == NGHTTP2_RST_STREAM)
    session.on_reset_framed(static_cast<H2Code>(frame->rst_stream.error_code));
  else if (type == NGHTTP2_GOAWAY)
    session.ended_with_ = static_cast<H2Code>(frame->goaway.error_code);
  else if ((type == NGHTTP2_DATA || type == NGHTTP2_HEADERS) &&
           (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
    if (H2Stream* stream = session.find(frame->hd.stream_id)) stream->on_end_framed();
  return go_on(session);
}

// A head of ours that nghttp2 cannot send, though its stream still stands. Where the peer takes no new
// stream, nghttp2 says so when it closes that.
int H2Callbacks::on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int error, void* self) {
  H2Session& session = session_of(self);
  const bool too_large = error == NGHTTP2_ERR_FRAME_SIZE_ERROR || error == NGHTTP2_ERR_HEADER_COMP;
  if (frame->hd.type == NGHTTP2_HEADERS && too_large) {
    // A request's stream is not open yet, and may not be spoken of.
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
      session.submit_reset(frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    if (H2Stream* stream = session.find(frame->hd.stream_id))
      stream->fail({base::Reason::internal, base::Fault::ourselves, base::Retry::never, 0,
                    "a head that HTTP/2 cannot send"});
  }
  return go_on(session);
}

ssize_t H2Callbacks::read_data(nghttp2_session* nghttp2, std::int32_t id, std::uint8_t*, std::size_t most,
                               std::uint32_t* flags, nghttp2_data_source* source, void* self) {
  const H2Stream& stream = *static_cast<H2Stream*>(source->ptr);
  if (!session_of(self).has_room()) return NGHTTP2_ERR_PAUSE;
  const H2Stream::Offer offer = stream.offer(most);
  if (offer.nothing()) return NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (offer.end != H2Stream::End::no) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (offer.end == H2Stream::End::trailers) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto trailers = pairs(stream.trailers());
    nghttp2_submit_trailer(nghttp2, id, trailers.data(), trailers.size());
  }
  return static_cast<ssize_t>(offer.bytes);
}

ssize_t H2Callbacks::read_length(nghttp2_session*, std::uint8_t, std::int32_t, std::int32_t, std::int32_t,
                                 std::uint32_t, void* self) {
  const H2Session& session = session_of(self);
  const std::size_t left = session.has_room() ? session.room_ - session.queue_out() : 0;
  return static_cast<ssize_t>(std::clamp(left, kLeastPayload, H2Session::kMostPayload));
}

int H2Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
                           nghttp2_data_source* source, void* self) {
  H2Session& session = session_of(self);
  Output& out = session.queue_.out();
  out.copy({reinterpret_cast<const char*>(head), kFrameHead});
  static_cast<H2Stream*>(source->ptr)->frame(size, out);
  if (size > 0) {
    const std::uint64_t end = session.queue_.gone() + session.queue_.pending();
    session.ledger_.add({end, static_cast<std::uint32_t>(size), frame->hd.stream_id});
    static_cast<H2Stream*>(source->ptr)->note_framed(end);
    session.on_data_framed(size);
  }
  return 0;
}

}  // namespace weir::codec
