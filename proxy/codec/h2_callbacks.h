// nghttp2's callbacks, each turned into what an H2Session makes of it, and the making of nghttp2 sessions.
// The only part, with h2_session.cc, that knows nghttp2's types.
#pragma once

#include <nghttp2/nghttp2.h>

#include "proxy/codec/h2_session.h"

namespace weir::codec {

struct H2Callbacks {
  // With our SETTINGS queued.
  static nghttp2_session* make_server(H2Session& session, const Scratch& scratch);
  static nghttp2_session* make_client(H2Session& session, const Scratch& scratch);

  // Where DATA frames of `stream` come from.
  static nghttp2_data_provider provider(H2Stream& stream);
  // For nghttp2, which copies; the views must outlive the call.
  static std::vector<nghttp2_nv> pairs(const H2Pairs& pairs);

  // nghttp2's callbacks.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* self);
  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                       nghttp2_rcbuf* value, std::uint8_t flags, void* self);
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                               std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                               std::uint8_t flags, void* self);
  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_invalid_frame_recv(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  static int on_data_chunk_recv(nghttp2_session*, std::uint8_t flags, std::int32_t id,
                                const std::uint8_t* bytes, std::size_t size, void* self);
  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* self);
  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int on_frame_not_send(nghttp2_session*, const nghttp2_frame* frame, int error, void* self);
  static ssize_t read_data(nghttp2_session*, std::int32_t id, std::uint8_t* bytes, std::size_t most,
                           std::uint32_t* flags, nghttp2_data_source* source, void* self);
  static ssize_t read_length(nghttp2_session*, std::uint8_t type, std::int32_t id, std::int32_t window,
                             std::int32_t stream_window, std::uint32_t most_frame, void* self);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head, std::size_t size,
                       nghttp2_data_source* source, void* self);

  static void on_headers(H2Session& session, const nghttp2_frame& frame);
  static int go_on(const H2Session& session);
};

}  // namespace weir::codec
