#include "proxy/codec/h1_client.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/codec/h1_grammar.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

Error bad(std::string_view detail) {
  return {Reason::upstream_bad, Fault::upstream, Retry::never, 502, detail};
}

bool announces_body(const http::Response& head) {
  return head.length.kind == http::BodyLength::Kind::unknown || head.length.bytes > 0;
}

}  // namespace

http::Stream& H1Client::open(http::StreamHandler& handler) {
  WEIR_CHECK(idle() && next_ == Next::keep);
  stream_ = &handler;
  receiving_ = Receiving::head;
  sending_ = Sending::idle;
  owed_ = 0;
  paused_ = false;
  interim_bytes_ = 0;
  return *this;
}

void H1Client::receive(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t used = bytes.size();
    switch (receiving_) {
      case Receiving::head:
        used = receive_head(bytes);
        break;
      case Receiving::body:
        used = receive_body(bytes);
        break;
      case Receiving::tunnel:
        owe(used);
        stream_->on_event(http::Body{bytes});
        break;
      case Receiving::idle:
      case Receiving::complete:
      case Receiving::tunnel_ended:
        // Bytes that answer nothing: this connection may never be used again.
        keep_alive_ = false;
        if (!stream_) next_ = Next::close;
        break;
    }
    bytes.remove_prefix(used);
  }
  owner_.on_codec_changed();
}

std::size_t H1Client::receive_head(std::string_view bytes) {
  HeadScan fresh;
  HeadScan& scan = held_ ? held_->scan : fresh;
  std::string_view text = bytes;
  if (held_) {
    held_->bytes.append(bytes);
    text = held_->bytes;
  }
  auto size = scan.find_end(text, limits(), HeadScan::Kind::response);
  if (!size) {
    fail(bad(size.error().detail));
    return bytes.size();
  }
  if (*size == 0) {
    if (!held_) held_ = std::make_unique<Held>(Held{std::string(text), scan});
    return bytes.size();
  }
  const std::size_t used = *size - (text.size() - bytes.size());
  if (held_) {
    std::string& spent = queue_.scratch().spent;
    spent = std::move(held_->bytes);
    held_.reset();
    text = spent;
  }
  start(text.substr(0, *size), used < bytes.size() ? Behind::bytes : Behind::nothing);
  return used;
}

// True while the stream lives on.
bool H1Client::start(std::string_view text, Behind behind) {
  http::Response& head = queue_.scratch().response;
  auto options = parse_response(text, limits(), head);
  if (!options) return fail(options.error()), false;
  if (head.interim()) {
    // Not their number: a node may say 102 (Processing) every few seconds for hours (RFC 2518 10.1).
    interim_bytes_ += text.size();
    if (interim_bytes_ > limits().head)
      return fail(bad("interim responses that are together larger than limits.header")), false;
    if (announces_body(head)) return fail(bad("an interim response with a body")), false;
    stream_->on_event(http::ResponseHead{&head});
    return stream_ != nullptr;
  }
  node_says_ = *options;
  keep_alive_ = !options->close && (head.version == http::Version::http11 || options->keep_alive);
  if (head.status == 101) {
    if (!offered_) return fail(bad("a 101 that was not asked for")), false;
    if (head.version == http::Version::http10 || announces_body(head))
      return fail(bad("a malformed 101")), false;
    if (!was_offered(head.upgrade)) return fail(bad("a 101 to a protocol that was not offered")), false;
    receiving_ = Receiving::tunnel;
    framing_ = Framing::tunnel;
    keep_alive_ = false;
    stream_->on_event(http::ResponseHead{&head});
    return stream_ != nullptr;
  }
  return begin_body(head, behind);
}

bool H1Client::was_offered(std::string_view protocol) const {
  bool offered = false;
  for_each_element(*offered_,
                   [&](std::string_view element) { offered |= http::same_name(element, protocol); });
  return offered;
}

bool H1Client::begin_body(http::Response& head, Behind behind) {
  using Kind = http::BodyLength::Kind;
  using Mode = H1Body::Mode;
  Mode mode = Mode::until_close;
  if (is_head_ || head.status == 204 || head.status == 304)
    mode = Mode::none;
  else if (head.length.kind == Kind::unknown)
    mode = Mode::chunked;
  else if (head.length.kind == Kind::bytes)
    mode = head.length.bytes > 0 ? Mode::counted : Mode::none;
  if (head.status == 204) {
    if (announces_body(head)) keep_alive_ = false;  // it may follow, and must not answer anybody else
    head.length = {};
  }
  if (mode == Mode::until_close) {
    head.length = {Kind::unknown, 0};
    keep_alive_ = false;
  }
  body_.start(mode, head.length.bytes, Fault::upstream);
  if (node_says_.names_fields && mode == Mode::chunked) body_.leave_out(named_fields(head.fields.arena()));
  receiving_ = mode == Mode::none ? Receiving::complete : Receiving::body;
  if (mode == Mode::none && behind == Behind::bytes) keep_alive_ = false;
  stream_->on_event(http::ResponseHead{&head});
  if (stream_ && mode == Mode::none) receive_complete();
  return stream_ != nullptr;
}

std::size_t H1Client::receive_body(std::string_view bytes) {
  const std::size_t given = bytes.size();
  bool payload = false;
  http::Fields& trailers = queue_.scratch().trailers;
  while (receiving_ == Receiving::body) {
    auto step = body_.next(bytes, limits(), trailers);
    if (!step) {
      fail(step.error());
      return given;
    }
    bytes.remove_prefix(step->used);
    using Kind = H1Body::Step::Kind;
    if (step->kind == Kind::payload) {
      payload = true;
      owe(step->payload.size());
      stream_->on_event(http::Body{step->payload});
    } else if (step->kind == Kind::trailers) {
      stream_->on_event(http::Trailers{&trailers});
    } else if (step->kind == Kind::end) {
      receiving_ = Receiving::complete;
      if (!bytes.empty()) keep_alive_ = false;  // bytes after the end
      receive_complete();
    } else if (bytes.empty()) {
      if (!payload) stream_->on_event(http::Body{});  // framing too is a sign of life
      break;
    }
  }
  return given - bytes.size();
}

// The response is whole. Where the request is not, the connection can serve nothing more.
void H1Client::receive_complete() {
  if (sending_ != Sending::done) keep_alive_ = false;
  http::StreamHandler* stream = stream_;
  finish();
  stream->on_event(http::End{});
  if (!stream_) owner_.on_idle();
}

void H1Client::finish() {
  stream_ = nullptr;
  receiving_ = Receiving::idle;
  paused_ = false;
  // What the client of a tunnel sent last may still be on its way to the node.
  if (!keep_alive_) next_ = framing_ == Framing::tunnel ? Next::linger : Next::close;
}

void H1Client::owe(std::size_t bytes) {
  owed_ += static_cast<std::uint32_t>(bytes);
  if (owed_ >= kOwedBound) paused_ = true;
}

void H1Client::grant(std::size_t bytes) {
  if (!stream_) return;
  WEIR_CHECK(bytes <= owed_);
  owed_ -= static_cast<std::uint32_t>(bytes);
  if (!paused_ || owed_ > kOwedBound / 2) return;
  paused_ = false;
  owner_.on_codec_changed();
}

void H1Client::receive_end() {
  if (!stream_) {
    next_ = Next::close;
  } else if (receiving_ == Receiving::tunnel) {
    receiving_ = Receiving::tunnel_ended;
    stream_->on_event(http::End{});
    if (stream_ && tunnel_sent_) {
      finish();
      owner_.on_idle();
    }
  } else if (receiving_ == Receiving::body && body_.mode() == H1Body::Mode::until_close) {
    receive_complete();
  } else {
    lost("the node closed the connection", Reason::upstream_closed);
  }
  owner_.on_codec_changed();
}

void H1Client::receive_error() {
  if (!stream_)
    next_ = Next::close;
  else
    lost("the node reset the connection", Reason::upstream_reset);
  owner_.on_codec_changed();
}

// Before the final head nothing is decided, though whoever has said anything had the request; after it the
// body is short.
void H1Client::lost(std::string_view detail, Reason in_head) {
  if (receiving_ != Receiving::head)
    return fail({Reason::upstream_truncated, Fault::upstream, Retry::never, 502, detail});
  if (held_)
    detail = in_head == Reason::upstream_reset ? "the node reset the connection inside its answer's head"
                                               : "the node closed the connection inside its answer's head";
  fail({in_head, Fault::upstream, unanswered() ? Retry::reused_connection : Retry::other_node, 502, detail});
}

void H1Client::fail(const Error& error) {
  next_ = Next::close;
  http::StreamHandler* stream = std::exchange(stream_, nullptr);
  receiving_ = Receiving::idle;
  if (stream) stream->on_reset(error);
  owner_.on_idle();
}

void H1Client::send_failed() {
  keep_alive_ = false;
  sending_ = Sending::failed;
  if (stream_)
    stream_->on_send_failed({Reason::upstream_reset, Fault::upstream, Retry::reused_connection, 502,
                             "the node stopped taking the request"});
  else
    next_ = Next::close;
  owner_.on_codec_changed();
}

void H1Client::send(http::Event&& event) {
  if (!stream_ || sending_ == Sending::failed) return;
  if (auto* head = std::get_if<http::RequestHead>(&event)) {
    send_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    send_body(body->bytes);
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    if (framing_ == Framing::chunked) {
      write_last_chunk(trailers->fields, queue_.out());
      last_chunk_sent_ = true;
    }
  } else {
    send_end();
  }
  owner_.on_codec_changed();
}

void H1Client::send_head(const http::Request& head) {
  using Kind = http::BodyLength::Kind;
  is_head_ = head.method == http::Method::head;
  offered_.reset();
  if (!head.upgrade.empty()) offered_ = std::make_unique<std::string>(head.upgrade);
  framing_ = head.length.kind == Kind::unknown ? Framing::chunked
             : head.length.kind == Kind::bytes ? Framing::counted
                                               : Framing::none;
  last_chunk_sent_ = false;
  sending_ = Sending::body;
  write_request(head, framing_, queue_.out());
}

void H1Client::send_body(std::string_view bytes) {
  if (bytes.empty() || framing_ == Framing::none) return;
  queue_.count_payload(bytes.size());
  if (framing_ == Framing::chunked)
    write_chunk(bytes, queue_.out());
  else
    queue_.out().lend(bytes);
}

void H1Client::send_end() {
  if (framing_ == Framing::chunked && !last_chunk_sent_) write_last_chunk(nullptr, queue_.out());
  // The first End ends the request, a second one the client's half of the tunnel.
  if (framing_ != Framing::tunnel) {
    sending_ = Sending::done;
    return;
  }
  if (receiving_ == Receiving::tunnel_ended) {
    finish();
    owner_.on_idle();
    return;
  }
  tunnel_sent_ = true;
  next_ = Next::shutdown_write;
}

void H1Client::reset(const Error&) {
  if (!stream_) return;
  stream_ = nullptr;
  receiving_ = Receiving::idle;
  next_ = framing_ == Framing::tunnel ? Next::reset : Next::close;
  owner_.on_idle();
  owner_.on_codec_changed();
}

void H1Client::sent(std::size_t wire_bytes) {
  std::size_t payload = queue_.left(wire_bytes);
  if (payload > 0 && stream_) stream_->on_sent(payload);
}

}  // namespace weir::codec
