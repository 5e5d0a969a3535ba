#include "proxy/codec/h1_server.h"

#include <utility>

#include "proxy/base/check.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using http::BodyLength;

constexpr std::uint8_t kMaxEmptyLines = 4;  // before a request line; RFC 9112 2.2 asks for at least one
constexpr Error kClientGone{Reason::client_gone, Fault::downstream, base::Retry::never, 0,
                            "the client went away"};

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

}  // namespace

void H1Server::receive(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t used = bytes.size();
    switch (receiving_) {
      case Receiving::head:
        if (has_pipelined() || (!held_ && queue_.pending() >= kOwedBound))
          hold(bytes);  // a client that takes no answers gets no more of them
        else
          used = receive_head(bytes);
        break;
      case Receiving::body:
        used = receive_body(bytes);
        break;
      case Receiving::complete:
        hold(bytes);
        break;
      case Receiving::tunnel:
        held_ ? hold(bytes) : receive_tunnel(bytes);  // what came before goes first
        break;
      case Receiving::tunnel_ended:
      case Receiving::drop:
        break;
    }
    bytes.remove_prefix(used);
  }
  owner_.on_codec_changed();
}

void H1Server::resume() {
  if (held_) receive(spend_held());
  if (!read_ended_) return;
  if (receiving_ == Receiving::tunnel) return end_tunnel();
  if (!stream_ && receiving_ == Receiving::head && next_ == Next::keep) next_ = Next::linger;
  owner_.on_codec_changed();
}

bool H1Server::has_held() const {
  if (receiving_ == Receiving::tunnel) return held_ || read_ended_;
  return receiving_ == Receiving::head && next_ == Next::keep && (read_ended_ || has_pipelined());
}

void H1Server::hold(std::string_view bytes) {
  if (!held_) held_ = std::make_unique<Held>();
  held_->bytes.append(bytes);
}

// What was held, lent until the flush of this turn.
std::string_view H1Server::spend_held() {
  std::string& spent = queue_.scratch().spent;
  spent = std::move(held_->bytes);
  held_.reset();
  return spent;
}

// Returns how many bytes belonged to the head; all of them while it is not whole.
std::size_t H1Server::receive_head(std::string_view bytes) {
  if (held_) return receive_rest_of_head(bytes);
  std::string_view text = bytes;
  while (text.starts_with("\r\n") && empty_lines_ < kMaxEmptyLines) {
    text.remove_prefix(2);
    ++empty_lines_;
  }
  if (text.empty()) return bytes.size();
  HeadScan scan;
  auto size = scan.find_end(text, limits(), HeadScan::Kind::request);
  if (!size) {
    refuse_head(size.error());
    return bytes.size();
  }
  if (*size == 0) {
    hold(text);
    held_->scan = scan;
    return bytes.size();
  }
  start(text.substr(0, *size));
  return bytes.size() - text.size() + *size;
}

std::size_t H1Server::receive_rest_of_head(std::string_view bytes) {
  std::size_t before = held_->bytes.size();
  held_->bytes.append(bytes);
  if (before == 1 && held_->bytes.starts_with("\r\n") &&
      empty_lines_ < kMaxEmptyLines) {  // an empty line that came in two reads
    held_.reset();
    ++empty_lines_;
    return 2 - before;
  }
  auto size = held_->scan.find_end(held_->bytes, limits(), HeadScan::Kind::request);
  if (!size) {
    refuse_head(size.error());
    return bytes.size();
  }
  if (*size == 0) return bytes.size();
  start(spend_held().substr(0, *size));
  return *size - before;
}

void H1Server::start(std::string_view head) {
  http::Request& request = queue_.scratch().request;
  auto options = parse_request(head, limits(), request);
  http10_ = request.version == http::Version::http10;
  is_head_ = request.method == http::Method::head;
  if (!options) return refuse(options.error());
  client_closes_ = options->close || (http10_ && !options->keep_alive);
  keep_alive_ = !client_closes_;
  empty_lines_ = 0;
  owed_ = 0;
  using Mode = H1Body::Mode;
  const bool has_body = options->chunked || request.length.bytes > 0;
  body_.start(options->chunked ? Mode::chunked
              : has_body       ? Mode::counted
                               : Mode::none,
              request.length.bytes, Fault::downstream);
  if (options->names_fields && options->chunked) body_.leave_out(named_fields(request.fields.arena()));
  had_body_ = has_body;
  receiving_ = has_body ? Receiving::body : Receiving::complete;
  stream_ = &owner_.on_stream(*this);
  stream_->on_event(http::RequestHead{&request});
  if (!has_body && stream_) stream_->on_event(http::End{});
}

std::size_t H1Server::receive_body(std::string_view bytes) {
  const std::size_t given = bytes.size();
  bool payload = false;
  http::Fields& trailers = queue_.scratch().trailers;
  while (receiving_ == Receiving::body) {
    auto step = body_.next(bytes, limits(), trailers);
    if (!step) {
      receiving_ = Receiving::drop;
      keep_alive_ = false;
      stream_->on_receive_failed(step.error());
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
      stream_->on_event(http::End{});
    } else if (bytes.empty()) {
      if (!payload) stream_->on_event(http::Body{});  // framing too is a sign of life
      break;
    }
  }
  return given - bytes.size();
}

void H1Server::receive_tunnel(std::string_view bytes) {
  owe(bytes.size());
  stream_->on_event(http::Body{bytes});
}

void H1Server::owe(std::size_t bytes) {
  owed_ += static_cast<std::uint32_t>(bytes);
  if (owed_ >= kOwedBound) paused_ = true;
}

void H1Server::grant(std::size_t bytes) {
  if (!stream_) return;
  WEIR_CHECK(bytes <= owed_);
  owed_ -= static_cast<std::uint32_t>(bytes);
  if (!paused_ || owed_ > kOwedBound / 2) return;
  paused_ = false;
  owner_.on_codec_changed();
}

bool H1Server::wants_read() {
  const bool waits_its_turn =
      receiving_ == Receiving::complete || receiving_ == Receiving::tunnel || has_pipelined();
  if (held_ && waits_its_turn && held_->bytes.size() >= limits().head) return false;
  if (receiving_ == Receiving::body || receiving_ == Receiving::tunnel) return !paused_;
  return true;
}

void H1Server::receive_end() {
  read_ended_ = true;
  if (receiving_ == Receiving::tunnel && !held_) {
    end_tunnel();
  } else if (receiving_ == Receiving::body) {
    receive_error();
  } else if (receiving_ == Receiving::head && !has_pipelined()) {
    next_ = Next::linger;
  }
  owner_.on_codec_changed();
}

void H1Server::end_tunnel() {
  receiving_ = Receiving::tunnel_ended;
  stream_->on_event(http::End{});
  if (stream_ && sending_ == Sending::done) finish();
  owner_.on_codec_changed();
}

bool H1Server::has_pipelined() const {
  return held_ && held_->scan.fresh();
}

void H1Server::receive_error() {
  abandon(kClientGone);
}

void H1Server::abandon(const Error& error) {
  next_ = Next::close;
  receiving_ = Receiving::drop;
  if (http::StreamHandler* stream = std::exchange(stream_, nullptr)) stream->on_reset(error);
  owner_.on_codec_changed();
}

void H1Server::send_failed() {
  receive_error();
}

// Nothing of it has been understood, and what is known is of an earlier request.
void H1Server::refuse_head(const Error& error) {
  queue_.scratch().request.clear();
  is_head_ = http10_ = false;
  refuse(error);
}

void H1Server::refuse(const Error& error) {
  receiving_ = Receiving::drop;
  keep_alive_ = false;
  refusing_ = true;
  owner_.on_refused(*this, error);
  owner_.on_codec_changed();
}

void H1Server::send(http::Event&& event) {
  if (!stream_ && !refusing_) return;
  if (auto* head = std::get_if<http::ResponseHead>(&event)) {
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

void H1Server::send_head(http::Response& head) {
  if (head.interim()) {
    if (!http10_) write_response(head, Framing::none, Persistence::implied, queue_.out());
    return;
  }
  if (head.status == 101)
    return begin_tunnel(), write_response(head, Framing::tunnel, Persistence::implied, queue_.out());
  using Kind = BodyLength::Kind;
  const bool bodyless = is_head_ || has_no_body(head.status);
  if (!bodyless && head.length.kind == Kind::none) head.length = {Kind::bytes, 0};
  if (bodyless)
    framing_ = Framing::none;
  else if (head.length.kind == Kind::bytes)
    framing_ = Framing::counted;
  else
    framing_ = http10_ ? Framing::until_close : Framing::chunked;
  // A body that is still arriving when the answer begins is not waited for: the connection ends with the
  // answer.
  if (framing_ == Framing::until_close || draining_ || receiving_ != Receiving::complete) keep_alive_ = false;
  sending_ = Sending::body;
  last_chunk_sent_ = false;
  Persistence persistence = !keep_alive_ ? Persistence::close
                            : http10_    ? Persistence::keep_alive
                                         : Persistence::implied;
  write_response(head, framing_, persistence, queue_.out());
}

void H1Server::begin_tunnel() {
  WEIR_CHECK(receiving_ == Receiving::complete);
  sending_ = Sending::tunnel;
  receiving_ = Receiving::tunnel;
  framing_ = Framing::tunnel;
  keep_alive_ = false;
}

void H1Server::send_body(std::string_view bytes) {
  if (bytes.empty() || framing_ == Framing::none) return;
  queue_.count_payload(bytes.size());
  if (framing_ == Framing::chunked)
    write_chunk(bytes, queue_.out());
  else
    queue_.out().lend(bytes);
}

void H1Server::send_end() {
  if (framing_ == Framing::chunked && !last_chunk_sent_) write_last_chunk(nullptr, queue_.out());
  const bool tunnel = sending_ == Sending::tunnel;
  sending_ = Sending::done;
  if (!tunnel) return finish();
  if (receiving_ == Receiving::tunnel_ended) return finish();
  next_ = Next::shutdown_write;
}

// The response is complete. Where the request is too, and both sides agreed to, the connection goes on.
void H1Server::finish() {
  queue_.forget_payload();
  stream_ = nullptr;
  refusing_ = false;
  paused_ = false;
  owed_ = 0;
  sending_ = Sending::idle;
  if (keep_alive_ && receiving_ == Receiving::complete) {
    receiving_ = Receiving::head;
    if (held_) held_->scan.reset();
    return;
  }
  client_is_done_ = client_closes_ && receiving_ == Receiving::complete && !held_ && !had_body_;
  receiving_ = Receiving::drop;
  held_.reset();
  next_ = Next::linger;
}

// A client that takes its answers still gets those that were whole before.
void H1Server::reset(const Error& error) {
  if (!stream_) return;
  stream_ = nullptr;
  receiving_ = Receiving::drop;
  const bool seen = framing_ == Framing::counted || framing_ == Framing::chunked || sending_ == Sending::idle;
  const Next end = error.fault == Fault::downstream ? Next::close : Next::linger;
  next_ = seen ? end : Next::reset;
  owner_.on_codec_changed();
}

void H1Server::sent(std::size_t wire_bytes) {
  std::size_t payload = queue_.left(wire_bytes);
  if (payload > 0 && stream_) stream_->on_sent(payload);
}

}  // namespace weir::codec
