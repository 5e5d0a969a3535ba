#include "tests/unit/codec/h2_peer.h"

#include <algorithm>
#include <cstring>

namespace weir::codec {
namespace {

std::vector<nghttp2_nv> pairs_of(const H2List& fields) {
  std::vector<nghttp2_nv> pairs;
  const auto bytes = [](const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  for (const auto& [name, value] : fields)
    pairs.push_back({bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  return pairs;
}

}  // namespace

struct H2PeerCallbacks {
  static H2Peer& peer(void* self) { return *static_cast<H2Peer*>(self); }

  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    H2Peer::Received& received = peer(self).received[frame->hd.stream_id];
    if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && !received.heads.empty() &&
        received.heads.back().compare(0, 9, ":status=1") != 0)
      received.trailers = "-";
    else
      received.heads.emplace_back();
    return 0;
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                    void* self) {
    H2Peer::Received& received = peer(self).received[frame->hd.stream_id];
    std::string& text = received.trailers.empty() ? received.heads.back() : received.trailers;
    if (text == "-") text.clear();
    if (!text.empty()) text += "|";
    text.append(reinterpret_cast<const char*>(name), name_size).append("=");
    text.append(reinterpret_cast<const char*>(value), value_size);
    return 0;
  }
  static int frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    H2Peer& p = peer(self);
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) && ends)
      p.received[frame->hd.stream_id].ended = true;
    if (frame->hd.type == NGHTTP2_RST_STREAM) p.received[frame->hd.stream_id].was_reset = true;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) ++p.pings_answered;
    if (frame->hd.type == NGHTTP2_GOAWAY)
      p.goaways.push_back(std::to_string(frame->goaway.last_stream_id) + " " +
                          std::string(code_name(frame->goaway.error_code)));
    return 0;
  }
  static int chunk(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* bytes,
                   std::size_t size, void* self) {
    peer(self).received[stream].body.append(reinterpret_cast<const char*>(bytes), size);
    return 0;
  }
  static int closed(nghttp2_session*, std::int32_t stream, std::uint32_t code, void* self) {
    H2Peer::Received& received = peer(self).received[stream];
    received.closed = true;
    received.code = code;
    return 0;
  }
  static int invalid(nghttp2_session*, const nghttp2_frame*, int error, void* self) {
    peer(self).error = error;
    return 0;
  }
  static ssize_t read(nghttp2_session* session, std::int32_t stream, std::uint8_t* bytes, std::size_t most,
                      std::uint32_t* flags, nghttp2_data_source*, void* self) {
    H2Peer::Sending& sending = peer(self).sending_[stream];
    const std::size_t size = std::min(most, sending.bytes.size());
    if (size == 0 && !sending.ended) return NGHTTP2_ERR_DEFERRED;
    std::memcpy(bytes, sending.bytes.data(), size);
    sending.bytes.erase(0, size);
    if (sending.bytes.empty() && sending.ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!sending.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto trailers = pairs_of(sending.trailers);
        nghttp2_submit_trailer(session, stream, trailers.data(), trailers.size());
      }
    }
    return static_cast<ssize_t>(size);
  }
};

H2Peer::H2Peer(Side side, Windows windows) {
  using C = H2PeerCallbacks;
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, C::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, C::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, C::frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, C::chunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, C::closed);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, C::invalid);
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, windows == Windows::by_hand ? 1 : 0);
  if (side == Side::client)
    nghttp2_session_client_new2(&session_, callbacks, this, option);
  else
    nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
}

H2Peer::~H2Peer() {
  nghttp2_session_del(session_);
}

void H2Peer::settings(const std::vector<nghttp2_settings_entry>& entries) {
  introduced_ = true;
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
}

std::int32_t H2Peer::ask(const H2List& fields, Ends ends) {
  const auto pairs = pairs_of(fields);
  nghttp2_data_provider provider{{}, H2PeerCallbacks::read};
  return nghttp2_submit_request(session_, nullptr, pairs.data(), pairs.size(),
                                ends == Ends::here ? nullptr : &provider, nullptr);
}

void H2Peer::answer(std::int32_t stream, const H2List& fields, Ends ends) {
  const auto pairs = pairs_of(fields);
  nghttp2_data_provider provider{{}, H2PeerCallbacks::read};
  nghttp2_submit_response(session_, stream, pairs.data(), pairs.size(),
                          ends == Ends::here ? nullptr : &provider);
}

void H2Peer::interim(std::int32_t stream, const H2List& fields) {
  const auto pairs = pairs_of(fields);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream, nullptr, pairs.data(), pairs.size(), nullptr);
}

void H2Peer::say(std::int32_t stream, std::string_view bytes) {
  sending_[stream].bytes += bytes;
  nghttp2_session_resume_data(session_, stream);
}

void H2Peer::say_trailers(std::int32_t stream, const H2List& fields) {
  sending_[stream].trailers = fields;
  say_end(stream);
}

void H2Peer::say_end(std::int32_t stream) {
  sending_[stream].ended = true;
  nghttp2_session_resume_data(session_, stream);
}

void H2Peer::reset(std::int32_t stream, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, code);
}

void H2Peer::prioritise(std::int32_t stream, std::string_view field) {
  nghttp2_submit_priority_update(session_, NGHTTP2_FLAG_NONE, stream,
                                 reinterpret_cast<const std::uint8_t*>(field.data()), field.size());
}

void H2Peer::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void H2Peer::go_away(std::int32_t last, std::uint32_t code) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last, code, nullptr, 0);
}

void H2Peer::consume(std::int32_t stream, std::size_t bytes) {
  nghttp2_session_consume(session_, stream, bytes);
}

std::string H2Peer::take_out() {
  if (!introduced_) settings({});
  std::string out;
  const std::uint8_t* bytes = nullptr;
  for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;)
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  return out;
}

void H2Peer::take_in(std::string_view bytes) {
  const ssize_t used =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used < 0) error = static_cast<int>(used);
}

}  // namespace weir::codec
