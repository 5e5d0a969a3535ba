#include "proxy/core/attempt.h"

#include <utility>

#include "proxy/base/check.h"

namespace weir::core {

void Attempt::begin(Endpoint& endpoint, ConnectionPool& connections, Care care, Reuse reuse) {
  WEIR_CHECK(!live());
  lease_ = balancer::Lease(*endpoint.node);
  order_.reset();
  UpstreamConnection* idle = reuse == Reuse::allowed ? connections.take(care) : nullptr;
  reused_ = idle != nullptr;
  counts_ = &connections.counts();
  answer_ = Answer::awaited;
  if (!idle) {
    state_ = State::connecting;
    connecting_ = &connections.connect(*this);
    return;
  }
  counts_->connections_reused.add();
  state_ = State::sending;
  stream_ = &idle->open(*this);
  handler_.on_attempt_ready();
}

void Attempt::clear() {
  if (counts_ && answer_ == Answer::tunnel) counts_->tunnels_closed.add();
  counts_ = nullptr;
  lease_.release();
  connecting_ = nullptr;
  stream_ = nullptr;
  state_ = State::none;
}

void Attempt::end(const base::Error& why) {
  count_end(why);
  UpstreamConnection* connecting = connecting_;
  http::Stream* stream = stream_;
  clear();
  if (connecting) connecting->abandon();
  if (stream) stream->reset(why);
}

void Attempt::done() {
  clear();
}

void Attempt::on_connected(UpstreamConnection& connection) {
  connecting_ = nullptr;
  state_ = State::sending;
  stream_ = &connection.open(*this);
  handler_.on_attempt_ready();
}

void Attempt::on_connect_failed(const base::Error& error) {
  clear();
  base::Error failed = error;
  failed.retry = base::Retry::not_processed;
  failed.status = error.reason == base::Reason::connect_refused ? 502 : 503;
  handler_.on_attempt_failed(failed);
}

void Attempt::on_event(http::Event&& event) {
  if (answer_ == Answer::awaited) count_answer(event);
  if (order_.admit(event)) return handler_.on_attempt_event(std::move(event));
  const base::Error broken{base::Reason::internal, base::Fault::ourselves, base::Retry::never, 502,
                           "events out of order"};
  end(broken);
  handler_.on_attempt_failed(broken);
}

// The first final head is the attempt's answer.
void Attempt::count_answer(const http::Event& event) {
  const auto* head = std::get_if<http::ResponseHead>(&event);
  if (!head || head->head->interim()) return;
  answer_ = head->head->status == 101 ? Answer::tunnel : Answer::begun;
  counts_->answers.add(head->head->status);
}

// Before the answer's end. Whose doing that is decides what is counted; a connection that the node closed as
// the request came says nothing of the node, and the request is sent again. Nor does the end of a tunnel.
void Attempt::count_end(const base::Error& why) {
  if (!stream_ || answer_ == Answer::tunnel) return;
  if (answer_ == Answer::begun) {
    if (why.fault == base::Fault::upstream) counts_->broken_answers.add();
  } else if (why.fault != base::Fault::upstream)
    counts_->cancelled.add();
  else if (!reused_ || why.retry != base::Retry::reused_connection)
    counts_->answers.add(0);
}

void Attempt::on_send_failed(const base::Error& error) {
  state_ = State::send_failed;
  handler_.on_attempt_send_failed(error);
}

void Attempt::on_reset(const base::Error& error) {
  count_end(error);
  clear();
  handler_.on_attempt_failed(error);
}

}  // namespace weir::core
