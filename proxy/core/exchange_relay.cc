// The exchange once its node answers: heads, bodies, the tunnel.
#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/policy/grpc.h"
#include "proxy/policy/media_type.h"
#include "proxy/policy/rewrite.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr Error kCrossed{Reason::upstream_closed, Fault::upstream, Retry::reused_connection, 502,
                         "the node timed the idle connection out"};
constexpr Error kTunnelClosed{Reason::upstream_closed, Fault::upstream, Retry::never, 0,
                              "the node closed the tunnel"};

}  // namespace

void Exchange::on_attempt_event(Attempt& attempt, http::Event&& event) {
  turn_to(attempt);
  auto* head = std::get_if<http::ResponseHead>(&event);
  if (head && head->head->interim()) return on_interim_head(*head->head);
  try_->heard_at = path_.runtime().now();
  if (head) {
    on_final_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    if (unsent_ == 0) client_took_at_ = try_->heard_at;
    body_out_ += body->bytes.size();
    unsent_ += body->bytes.size();
    client_->send(std::move(event));
  } else if (std::holds_alternative<http::Trailers>(event)) {
    client_->send(std::move(event));
  } else {
    on_response_end();
  }
}

void Exchange::on_interim_head(http::Response& head) {
  if (attempts_ > 1) return;
  if (head.status == 100 && !std::exchange(continue_sent_, true))
    client_sent_at_ = path_.runtime().now();  // from now on it is to send
  client_->send(http::ResponseHead{&head});
  arm();
}

// A node that closes an idle connection may say 408 (Request Timeout) first. On a reused connection that may
// have crossed the request; on a fresh one it is meant for it, and over HTTP/2 always.
bool Exchange::is_crossed(const http::Response& head) const {
  return head.status == 408 && try_->attempt.reused_connection() && !try_->attempt.may_be_declined() &&
         repeatable_ && replay_.whole();
}

void Exchange::on_final_head(http::Response& head) {
  if (is_crossed(head)) {
    try_->attempt.end(kCrossed);
    return on_attempt_failed(try_->attempt, kCrossed);
  }
  note(ExchangeEvent::final_head);
  if (is_limited()) [[unlikely]]
    learn_limit(head.status);
  if (head.status >= 400 && drop_answer(head)) return;
  if (other().attempt.live()) overtake_other();
  if (second_ == try_) pool_->share().hedges_won.add();
  second_at_ = base::kNever;
  if (route_->head_times) note_head_time();
  upstream_time_ = try_->heard_at - try_->at;
  note_answer_time(head.status);
  status_ = try_->status = head.status;
  state_ = State::Relaying;
  replay_.give_up();
  auto type = head.fields.get(http::FieldId::content_type);
  endless_ = type && policy::is_endless(*type);
  in_call_ = endless_request_ && endless_ && policy::is_grpc(*type);
  policy::forward(head, path_.date());
  arrival_->mark(head);
  if (const StickyTokens* sticky = pool_->sticky()) settle_session(*sticky, head);
  if (head.status == 101) {
    state_ = State::Tunnel;
    request_ended_ = false;
    order_.begin_tunnel();
    try_->attempt.begin_tunnel();
  }
  client_took_at_ = try_->heard_at;
  client_->send(http::ResponseHead{&head});
  arm();
  if (!path_.is_current(*generation_)) let_go_of_old_snapshot();
}

void Exchange::on_response_end() {
  if (state_ == State::Tunnel) {
    client_->send(http::End{});
    node_ended_ = true;
    return on_tunnel_end();
  }
  note(ExchangeEvent::halves_ended);
  const bool whole = request_ended_;
  if (whole)
    try_->attempt.done();
  else
    try_->attempt.end(
        {Reason::none, Fault::ourselves, Retry::never, 0, "the response came before the end of the request"});
  client_->send(http::End{});
  finish(Reason::none);
}

// The node takes nothing more. What it sent before is still on its way to the client, which learns the rest
// as it would have from the node itself: whoever sends to a closed connection gets a reset.
void Exchange::drop_from_tunnel(std::size_t bytes) {
  if (node_ended_ && unsent_ == 0) return cut(kTunnelClosed);
  forgive(bytes);
}

// They will never be sent, so that the client may send others.
void Exchange::forgive(std::uint64_t bytes) {
  granted_ += bytes;
  granted_at_ = path_.runtime().now();
  if (bytes > 0) client_->grant(bytes);
}

void Exchange::on_tunnel_end() {
  if (!request_ended_ || !node_ended_) return;
  note(ExchangeEvent::halves_ended);
  if (try_->attempt.sending())
    try_->attempt.done();
  else
    try_->attempt.end(kTunnelClosed);
  finish(Reason::none);
}

// A client that has taken all there was is not what it waits for.
void Exchange::note_taken() {
  const base::Time now = path_.runtime().now();
  if (unsent_ == 0)
    takes_.reset();
  else if (state_ == State::Relaying)
    look_at_rate(now);
  client_took_at_ = now;
}

// What its connection took for others counts, for they had their turns before this; takes_ passes over the
// first, which tells how much was before. One that is too slow hears of it when the timer comes: it may be in
// the middle of writing.
void Exchange::look_at_rate(base::Time now) {
  if (delivered_ == kNotLooked) delivered_ = client_->delivered(arrival_->transport->unacknowledged());
  const std::uint64_t sent = client_->delivered(0);
  const std::uint64_t bytes = sent - std::exchange(sent_before_, sent);
  if (!takes_.note(now - client_took_at_, bytes, timeouts_->min_rate)) return;
  takes_too_slowly_ = true;
  timer_.set(now);
}

void Exchange::on_sent(std::size_t bytes) {
  if (web_) bytes = web_->sent(bytes);
  unsent_ -= std::min<std::uint64_t>(unsent_, bytes);
  note_taken();
  if (try_->attempt.live() && try_->attempt.state() != Attempt::State::connecting)
    try_->attempt.stream().grant(bytes);
}

}  // namespace weir::core
