// The exchange once its node answers: heads, bodies, the tunnel, and what it takes from a snapshot that it
// lets go of.
#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
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

void Exchange::on_attempt_event(http::Event&& event) {
  auto* head = std::get_if<http::ResponseHead>(&event);
  if (head && head->head->interim()) return on_interim_head(*head->head);
  node_at_ = path_.runtime().now();
  if (head) {
    on_final_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    if (unsent_ == 0) client_took_at_ = node_at_;
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
// have crossed the request; on a fresh one it is meant for it.
bool Exchange::is_crossed(const http::Response& head) const {
  return head.status == 408 && attempt_.reused_connection() && http::is_idempotent(request_.method) &&
         replay_.whole();
}

void Exchange::on_final_head(http::Response& head) {
  if (is_crossed(head)) {
    attempt_.end(kCrossed);
    return on_attempt_failed(kCrossed);
  }
  note(ExchangeEvent::final_head);
  upstream_time_ = node_at_ - attempt_at_;
  pool_->connections(node_).counts().note_answer_time(upstream_time_);
  status_ = trace_.status = head.status;
  state_ = State::Relaying;
  replay_.give_up();
  auto type = head.fields.get(http::FieldId::content_type);
  endless_ = type && policy::is_endless(*type);
  policy::forward(head, path_.date());
  if (head.status == 101) {
    state_ = State::Tunnel;
    request_ended_ = false;
    order_.begin_tunnel();
    attempt_.begin_tunnel();
  }
  client_took_at_ = node_at_;
  client_->send(http::ResponseHead{&head});
  arm();
  if (!path_.is_current(*generation_)) let_go_of_old_snapshot();
}

void Exchange::let_go_of_old_snapshot() {
  if (state_ != State::Relaying && state_ != State::Tunnel) return;
  if (!generation_ || path_.is_current(*generation_)) return;
  const std::string& route = generation_->snapshot->config.routes[route_->config].name;
  kept_ = std::make_unique<Kept>(
      Kept{*timeouts_, route_->counts, route, pool_->config().name, std::string(node_name())});
  timeouts_ = &kept_->timeouts;
  route_ = nullptr;
  pool_ = nullptr;
  path_.unpin(*std::exchange(generation_, nullptr));
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
    attempt_.done();
  else
    attempt_.end(
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
  if (bytes > 0) client_->grant(bytes);
}

void Exchange::on_tunnel_end() {
  if (!request_ended_ || !node_ended_) return;
  note(ExchangeEvent::halves_ended);
  if (attempt_.sending())
    attempt_.done();
  else
    attempt_.end(kTunnelClosed);
  finish(Reason::none);
}

void Exchange::on_sent(std::size_t bytes) {
  client_took_at_ = path_.runtime().now();
  unsent_ -= std::min<std::uint64_t>(unsent_, bytes);
  if (attempt_.live() && attempt_.state() != Attempt::State::connecting) attempt_.stream().grant(bytes);
}

}  // namespace weir::core
