#include "proxy/codec/h2_client_stream.h"

#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/base/check.h"
#include "proxy/codec/h2_client.h"

namespace weir::codec {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;
using Length = http::BodyLength::Kind;

constexpr Error kRefused{Reason::upstream_reset, Fault::upstream, Retry::declined, 502,
                         "the node did not take the request"};
constexpr std::size_t kKeySize = 24;  // of a WebSocket's key: 16 bytes in base64
constexpr Error kBadKey{Reason::bad_request, Fault::downstream, Retry::never, 400,
                        "a WebSocket's handshake without a good Sec-WebSocket-Key"};
constexpr Error kNoUpgrades{Reason::upstream_bad, Fault::ourselves, Retry::never, 502,
                            "the node takes no upgrades over HTTP/2"};

Error bad_answer(std::string_view detail) {
  return {Reason::upstream_bad, Fault::upstream, Retry::never, 502, detail};
}

std::string_view first_of(std::string_view list) {
  return base::trim(list.substr(0, list.find(',')));
}

}  // namespace

H2ClientStream::H2ClientStream(H2Client& client, http::StreamHandler& handler)
    : H2Stream(client, 0), client_(client) {
  handler_ = &handler;
}

void H2ClientStream::send(http::Event&& event) {
  if (!handler_ || sending_ == Sending::failed) return;
  if (auto* head = std::get_if<http::RequestHead>(&event)) {
    send_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    if (!bodyless_ && sending_ != Sending::offered) send_body(body->bytes);
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    if (!bodyless_ && sending_ == Sending::body) send_trailers(*trailers->fields);
  } else {
    end_message();
  }
}

void H2ClientStream::send_head(const http::Request& request) {
  is_head_ = request.method == http::Method::head;
  head_ = session_.scratch().take_pairs();
  if (!request.upgrade.empty()) return offer(request);
  bodyless_ = request.length.kind == Length::none;
  put_request(request, client_.scheme(), {}, *head_);
  sending_ = Sending::body;
  session_.touch(*this);
}

// HTTP/2 needs no key, but who asked over HTTP/1.1 will want what follows from it.
void H2ClientStream::offer(const http::Request& request) {
  protocol_ = first_of(request.upgrade);
  key_ = request.fields.get("Sec-WebSocket-Key").value_or("");
  put_request(request, client_.scheme(), protocol_, *head_);
  sending_ = Sending::offered;
  session_.touch(*this);
}

// At the end of the turn, so that nobody hears from inside send() that it went wrong.
void H2ClientStream::submit_waiting() {
  if (!head_) return;
  if (!client_.takes_streams()) return fail(kRefused);
  // The node sees no key, so that nobody else would refuse a handshake without one (RFC 6455 4.2.1).
  const bool needs_key = sending_ == Sending::offered && http::same_name(protocol_, "websocket");
  if (needs_key && key_.size() != kKeySize) return fail(kBadKey);
  if (sending_ == Sending::offered && !client_.settled()) return;
  if (sending_ == Sending::offered && !client_.takes_upgrades()) return fail(kNoUpgrades);
  const bool alone = bodyless_ || (ended_ && body_.empty() && !trailers_);
  submit(alone ? H2Head::Ends::here : H2Head::Ends::later);
}

void H2ClientStream::submit(H2Head::Ends ends) {
  id_ = session_.submit_request(*this, *head_, ends);
  WEIR_CHECK(id_ > 0);
  session_.scratch().give_back(std::move(head_));
  client_.begun(*this);
}

// The first End of an upgrade ends its request, a second one the client's half of the tunnel.
void H2ClientStream::end_message() {
  if (sending_ == Sending::body || sending_ == Sending::tunnel) {
    send_end();
    sending_ = Sending::done;
    if (receiving_ == Receiving::complete) finish();
  }
}

void H2ClientStream::receive_head(H2Head& head, H2Head::Ends ends) {
  http::Response& response = session_.scratch().response;
  if (auto good = head.finish_response(ends, response); !good) return break_off(good.error());
  if (response.interim()) return receive_interim(head, response);
  if (!protocol_.empty() && response.status / 100 == 2) {
    begin_tunnel(response);
  } else {
    settle_length(response, ends);
    counted_ = response.length.kind == Length::bytes && !is_head_ && response.status != 304;
    to_come_ = counted_ ? response.length.bytes : 0;
    receiving_ = Receiving::body;
    handler_->on_event(http::ResponseHead{&response});
  }
  if (ends == H2Head::Ends::here) receive_end();
}

void H2ClientStream::receive_interim(H2Head& head, http::Response& response) {
  interim_bytes_ += head.size();
  if (interim_bytes_ > session_.scratch().limits.head)
    return break_off(bad_answer("interim responses that are together larger than limits.header"));
  if (response.length.kind == Length::bytes && response.length.bytes > 0)
    return break_off(bad_answer("an interim response with a body"));
  response.length = {};
  handler_->on_event(http::ResponseHead{&response});
}

// To all above, the node has switched protocols as under HTTP/1.1.
void H2ClientStream::begin_tunnel(http::Response& response) {
  response.status = 101;
  response.length = {};
  response.upgrade = protocol_;
  if (!key_.empty()) response.fields.set("Sec-WebSocket-Accept", client_.accept_of(key_));
  receiving_ = Receiving::tunnel;
  sending_ = Sending::tunnel;
  handler_->on_event(http::ResponseHead{&response});
}

void H2ClientStream::settle_length(http::Response& response, H2Head::Ends ends) const {
  if (response.status == 204)
    response.length = {};
  else if (is_head_ || response.status == 304)
    response.length.kind = response.length.kind == Length::bytes ? Length::bytes : Length::none;
  else if (ends == H2Head::Ends::here)
    response.length = {Length::bytes, 0};
}

void H2ClientStream::receive_trailers(H2Head& head) {
  http::Fields& trailers = session_.scratch().trailers;
  if (auto good = head.finish_trailers(trailers); !good) return break_off(blame_node(good.error()));
  handler_->on_event(http::Trailers{&trailers});
  if (handler_) complete();
}

void H2ClientStream::receive_data(std::string_view bytes) {
  if (!handler_) return discard(bytes.size());
  owe(bytes.size());
  to_come_ -= std::min<std::uint64_t>(to_come_, bytes.size());
  handler_->on_event(http::Body{bytes});
}

// While a connection's window is used up some servers, node's for one, hold END_STREAM back, and their reset
// without an error overtakes it. A body of a known length is whole all the same once all of it has come.
void H2ClientStream::note_peer_reset(std::uint32_t code) {
  peer_reset_ = true;
  const bool whole = receiving_ == Receiving::body && counted_ && to_come_ == 0;
  if (whole && code == static_cast<std::uint32_t>(H2Code::no_error)) receive_end();
}

void H2ClientStream::receive_end() {
  if (!handler_) return;
  if (receiving_ != Receiving::tunnel) return complete();
  receiving_ = Receiving::complete;
  handler_->on_event(http::End{});
  if (handler_ && sending_ == Sending::done) finish();
}

// Where the request is not whole, the node may forget the rest of it.
void H2ClientStream::complete() {
  receiving_ = Receiving::complete;
  http::StreamHandler* handler = handler_;
  if (sending_ != Sending::done) {
    drop_unframed();
    if (!closed_ && !peer_reset_) session_.submit_reset(id_, static_cast<std::uint32_t>(H2Code::no_error));
  }
  let_go();
  handler->on_event(http::End{});
  client_.stream_over();
}

void H2ClientStream::finish() {
  let_go();
  client_.stream_over();
}

void H2ClientStream::closed(std::uint32_t code) {
  close();
  if (!handler_ || (receiving_ == Receiving::complete && sending_ == Sending::done)) return;
  const bool refused = code == static_cast<std::uint32_t>(H2Code::refused_stream);
  if (refused && awaits_head()) return fail(kRefused);
  if (peer_reset_) return lose(Reason::upstream_reset, "the node reset the stream");
  fail(bad_answer("the node broke the rules of HTTP/2 inside its answer"));
}

// Before the final head nothing is decided, though whoever has said anything had the request; after it the
// body is short.
void H2ClientStream::lose(Reason before_answer, std::string_view detail) {
  Error error{before_answer, Fault::upstream, Retry::never, 502, detail};
  if (!awaits_head())
    error.reason = Reason::upstream_truncated;
  else
    error.retry = !peer_reset_ && unanswered() ? Retry::reused_connection : Retry::other_node;
  fail(error);
}

void H2ClientStream::send_failed(const Error& error) {
  sending_ = Sending::failed;
  drop_unframed();
  if (handler_) handler_->on_send_failed(error);
}

void H2ClientStream::fail(const Error& error) {
  if (head_) session_.scratch().give_back(std::move(head_));
  if (id_ == 0) closed_ = true;
  if (!handler_) return;
  abort(error);
  client_.stream_over();
}

void H2ClientStream::break_off(const Error& error) {
  if (!closed_) session_.submit_reset(id_, static_cast<std::uint32_t>(H2Code::protocol_error));
  fail(error);
}

void H2ClientStream::reset(const Error&) {
  if (!handler_) return;
  if (head_) session_.scratch().give_back(std::move(head_));
  if (id_ == 0) closed_ = true;
  reset_with(static_cast<std::uint32_t>(H2Code::cancel));
  client_.stream_over();
}

}  // namespace weir::codec
