#include "proxy/codec/h2_server_stream.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/codec/h2_server.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;
using http::BodyLength;

constexpr Error kStreamReset{Reason::client_gone, Fault::downstream, Retry::never, 0,
                             "the client reset the stream"};
constexpr Error kMalformed{Reason::bad_request, Fault::downstream, Retry::never, 400,
                           "the client broke the rules of HTTP/2 inside its request"};

bool is_without_body(int status) {
  return status == 204 || status == 304;
}

}  // namespace

H2ServerStream::H2ServerStream(H2Server& server, std::int32_t id) : H2Stream(server, id) {}

H2ServerStream::~H2ServerStream() {
  session_.add_to_heads(-head_bytes_);
}

void H2ServerStream::hold_head(std::size_t bytes) {
  head_bytes_ = bytes;
  session_.add_to_heads(bytes);
}

void H2ServerStream::begin(const http::Request& request, H2Head::Ends ends) {
  is_head_ = request.method == http::Method::head;
  upgrade_ = !request.upgrade.empty();
  peer_ended_ = ends == H2Head::Ends::here;
  early_end_ = upgrade_ && peer_ended_;
  receiving_ = upgrade_ ? Receiving::waiting : peer_ended_ ? Receiving::complete : Receiving::body;
}

// An upgrade's request has no body; what its stream carries is the tunnel's.
void H2ServerStream::start(http::StreamHandler& handler, http::Request& request) {
  handler_ = &handler;
  const bool whole = receiving_ != Receiving::body;
  handler.on_event(http::RequestHead{&request});
  if (whole && handler_) handler_->on_event(http::End{});
}

void H2ServerStream::end_refusal() {
  body_.keep(session_.framed());
  refusing_ = false;
  session_.sweep_later();
}

void H2ServerStream::receive_data(std::string_view bytes) {
  if (!handler_) return discard(bytes.size());
  const bool early = receiving_ == Receiving::waiting || has_early();
  if (!early && receiving_ != Receiving::body && receiving_ != Receiving::tunnel)
    return discard(bytes.size());
  owe(bytes.size());
  if (early)
    early_.append(bytes);
  else
    handler_->on_event(http::Body{bytes});
}

void H2ServerStream::receive_end() {
  peer_ended_ = true;
  if (!handler_) return;
  if (receiving_ == Receiving::waiting || has_early()) {
    early_end_ = true;
  } else if (receiving_ == Receiving::tunnel) {
    end_tunnel();
  } else if (receiving_ == Receiving::body) {
    receiving_ = Receiving::complete;
    handler_->on_event(http::End{});
  }
}

void H2ServerStream::receive_trailers(H2Head& head) {
  peer_ended_ = true;
  if (!handler_ || receiving_ != Receiving::body) return;
  http::Fields& trailers = session_.scratch().trailers;
  if (auto good = head.finish_trailers(trailers); !good) {
    receiving_ = Receiving::drop;
    return handler_->on_receive_failed(good.error());
  }
  receiving_ = Receiving::complete;
  handler_->on_event(http::Trailers{&trailers});
  if (handler_) handler_->on_event(http::End{});
}

void H2ServerStream::receive_early(std::string& spent) {
  spent = std::move(early_);
  std::string().swap(early_);
  const bool ends = std::exchange(early_end_, false);
  if (!spent.empty()) handler_->on_event(http::Body{spent});
  if (ends && handler_) end_tunnel();
}

void H2ServerStream::end_tunnel() {
  receiving_ = Receiving::complete;
  handler_->on_event(http::End{});
  if (handler_ && sending_ == Sending::done) finish();
}

void H2ServerStream::send(http::Event&& event) {
  if (!handler_ && !refusing_) return;
  if (auto* head = std::get_if<http::ResponseHead>(&event)) {
    send_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    if (!bodyless_) send_body(body->bytes);
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    if (!bodyless_ && sending_ == Sending::body) send_trailers(*trailers->fields);
  } else {
    end_message();
  }
}

void H2ServerStream::send_head(http::Response& head) {
  if (closed_) return;
  std::unique_ptr<H2Pairs> pairs = session_.scratch().take_pairs();
  if (head.interim()) {
    put_response(head, head.status, *pairs);
    session_.submit_interim(id_, *pairs);
    return session_.scratch().give_back(std::move(pairs));
  }
  head_ = std::move(pairs);
  if (head.status == 101) return begin_tunnel(head);
  bodyless_ = is_head_ || is_without_body(head.status);
  if (!bodyless_ && head.length.kind == BodyLength::Kind::none) head.length = {BodyLength::Kind::bytes, 0};
  // To a CONNECT any 2xx would mean that a tunnel begins; a node that did not switch has failed it.
  const int status = upgrade_ && head.status / 100 == 2 ? 502 : head.status;
  put_response(head, status, *head_);
  sending_ = Sending::body;
  if (upgrade_) {
    receiving_ = Receiving::drop;
    discard(std::exchange(owed_, 0));
    std::string().swap(early_);
  }
  if (bodyless_) return submit(H2Head::Ends::here);
  session_.touch(*this);
}

// RFC 8441 5: 200 instead of 101, and no handshake, since the method says it.
void H2ServerStream::begin_tunnel(http::Response& head) {
  WEIR_CHECK(receiving_ == Receiving::waiting);
  head.fields.remove("Sec-WebSocket-Accept");
  head.length = {};
  put_response(head, 200, *head_);
  receiving_ = Receiving::tunnel;
  sending_ = Sending::tunnel;
  tunnel_ = true;
  session_.touch(*this);
}

void H2ServerStream::submit_waiting() {
  if (head_) submit(H2Head::Ends::later);
}

void H2ServerStream::submit(H2Head::Ends ends) {
  if (!closed_) session_.submit_response(*this, *head_, ends);
  session_.scratch().give_back(std::move(head_));
  session_.touch(*this);
}

void H2ServerStream::end_message() {
  if (sending_ != Sending::body && sending_ != Sending::tunnel) return;
  const bool head_alone = head_ && body_.empty() && !trailers_ && !tunnel_;
  if (head_alone) submit(H2Head::Ends::here);
  send_end();
  const bool tunnel = sending_ == Sending::tunnel;
  sending_ = Sending::done;
  if (!tunnel || receiving_ == Receiving::complete) finish();
}

// The answer is complete, and its handler hears no more. What of the request still comes is dropped.
void H2ServerStream::finish() {
  if (receiving_ != Receiving::complete) receiving_ = Receiving::drop;
  let_go();
}

// RFC 9113 8.1: whoever still sends the request may stop.
void H2ServerStream::on_end_framed() {
  end_framed_ = true;
  const bool wanted = tunnel_ && has_handler();
  if (!peer_ended_ && !wanted) session_.submit_reset(id_, static_cast<std::uint32_t>(H2Code::no_error));
}

void H2ServerStream::lose(const Error& error) {
  peer_ended_ = true;
  if (!closed_) session_.submit_reset(id_, static_cast<std::uint32_t>(H2Code::cancel));
  abort(error);
}

void H2ServerStream::closed() {
  const bool whole = end_framed_ && peer_ended_ && !peer_reset_;
  if (head_) session_.scratch().give_back(std::move(head_));
  close();
  if (has_handler() && !whole) abort(peer_reset_ ? kStreamReset : kMalformed);
}

void H2ServerStream::reset(const Error& error) {
  if (!handler_) return;
  receiving_ = Receiving::drop;
  if (head_) session_.scratch().give_back(std::move(head_));
  reset_with(code_for(error));
}

std::uint32_t H2ServerStream::code_for(const Error& error) const {
  H2Code code = H2Code::internal_error;
  const bool unanswered = sending_ == Sending::idle || head_;
  if (unanswered && (error.retry == Retry::not_processed || error.reason == Reason::overloaded ||
                     error.reason == Reason::drained))
    code = H2Code::refused_stream;
  else if (error.fault == Fault::downstream && error.reason == Reason::bad_request)
    code = H2Code::protocol_error;
  else if (tunnel_ || error.fault == Fault::downstream)
    code = H2Code::cancel;
  return static_cast<std::uint32_t>(code);
}

}  // namespace weir::codec
