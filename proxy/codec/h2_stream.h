// What the streams of both sides of HTTP/2 have in common: bytes that wait to be framed, bytes that are owed,
// and when it is over. Owned by its session, which frees it between turns once its handler has heard the last
// of it and the peer has, too. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/intrusive_list.h"
#include "proxy/codec/h2_body.h"
#include "proxy/codec/h2_head.h"
#include "proxy/codec/h2_pairs.h"
#include "proxy/http/stream.h"

namespace weir::codec {

class H2Session;
struct H2TouchedTag;

class H2Stream : public http::Stream, public base::ListHook<H2TouchedTag> {
 public:
  H2Stream(H2Session& session, std::int32_t id) : session_(session), id_(id) {}
  H2Stream(const H2Stream&) = delete;
  H2Stream& operator=(const H2Stream&) = delete;
  virtual ~H2Stream();

  std::int32_t id() const { return id_; }
  bool has_handler() const { return handler_ != nullptr; }
  bool done() const { return !handler_ && !answering() && closed_; }
  bool ends() const { return ended_ || !handler_; }  // nothing more will be said
  // All was said, and some of it is not framed.
  bool orphaned() const { return !handler_ && ended_ && !closed_; }
  void mark() { marked_ = true; }
  bool marked() const { return marked_; }

  // Stream
  void grant(std::size_t bytes) final;
  std::uint64_t delivered(std::size_t in_flight) const final;
  bool withheld(std::size_t in_flight) const final;

  // To the session: what is to be framed next. `end` says whether the message ends behind it.
  enum class End : std::uint8_t { no, here, trailers };
  struct Offer {
    std::size_t bytes = 0;
    End end = End::no;
    bool nothing() const { return bytes == 0 && end == End::no; }  // for now
  };
  Offer offer(std::size_t most) const;
  void frame(std::size_t bytes, Output& out) { body_.frame(bytes, out); }
  void note_framed(std::uint64_t end) { framed_to_ = end; }  // of the connection's bytes
  const H2Pairs& trailers() const { return *trailers_; }

  // From the session.
  virtual void submit_waiting() {}  // a head that waited for what might follow it in this turn
  virtual void on_end_framed() {}
  void end_turn(Output* out) { body_.keep(out); }
  std::size_t lent() const { return body_.lent(); }
  std::size_t held_bytes() const { return body_.size() + (handler_ ? handler_->held_bytes() : 0); }
  void sent(std::size_t payload);
  void close();  // the peer and nghttp2 have heard the last of it
  void abort(const base::Error& error);
  virtual void fail(const base::Error& error) { abort(error); }
  void discard(std::size_t bytes);  // received, and nobody wants them
  // The code of RST_STREAM.
  void reset_with(std::uint32_t code);

 protected:
  virtual bool answering() const { return false; }  // without a handler, by whoever owns the codec
  void owe(std::size_t bytes) { owed_ += static_cast<std::uint32_t>(bytes); }
  void send_body(std::string_view bytes);
  void send_trailers(const http::Fields& fields);
  void send_end();
  // Its handler hears no more.
  void let_go();
  void drop_unframed();

  H2Session& session_;
  http::StreamHandler* handler_ = nullptr;
  H2Body body_;
  std::unique_ptr<H2Pairs> trailers_;
  std::uint64_t framed_to_ = 0;
  std::int32_t id_;
  std::uint32_t owed_ = 0;
  bool ended_ : 1 = false;   // nothing is to be sent behind what waits
  bool closed_ : 1 = false;  // for nghttp2
  bool marked_ : 1 = false;  // by whoever watches over those that are orphaned
};

}  // namespace weir::codec
