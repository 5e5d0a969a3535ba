#include "proxy/core/attempt.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/policy/grpc.h"

namespace weir::core {
namespace {

constexpr base::Error kDropped{base::Reason::none, base::Fault::ourselves, base::Retry::never, 0,
                               "what is left of the answer is of no use"};

}  // namespace

void Attempt::begin(Place&& place, ConnectionPool& connections, Care care, Reuse reuse,
                    std::string_view greeting) {
  WEIR_CHECK(!live());
  let_go();
  place_ = std::move(place);
  order_.reset();
  UpstreamConnection* idle = reuse == Reuse::allowed ? connections.take(care, greeting) : nullptr;
  reused_ = idle != nullptr;
  connections_ = &connections;
  counts_ = &connections.counts();
  began_ = connections.runtime().now();
  answer_ = Answer::awaited;
  if (!idle) {
    state_ = State::connecting;
    begin_to_wait(reuse == Reuse::allowed ? Wants::any : Wants::fresh);
    return connections.connect(*this, greeting);
  }
  counts_->connections_reused.add();
  open(*idle);
}

void Attempt::open(UpstreamConnection& connection) {
  state_ = State::sending;
  may_be_declined_ = connection.multiplexes();
  connection_ = &connection;
  stream_ = &connection.open(*this);
  handler_.on_attempt_ready(*this);
}

void Attempt::clear() {
  if (counts_ && answer_ == Answer::tunnel) counts_->tunnels_closed.add();
  counts_ = nullptr;
  place_.release();
  stream_ = nullptr;
  connection_ = nullptr;
  state_ = State::none;
}

void Attempt::end(const base::Error& why) {
  if (state_ == State::connecting) note_connect_failure(why);
  count_end(why);
  http::Stream* stream = stream_;
  clear();
  stop_waiting();
  if (stream) stream->reset(why);
}

void Attempt::done() {
  clear();
}

void Attempt::drop() {
  state_ = State::dropping;
  dropped_ = 0;
}

void Attempt::stop_dropping() {
  end(kDropped);
}

void Attempt::go_on_dropping(const http::Event& event) {
  if (std::holds_alternative<http::End>(event)) return done();
  if (const auto* body = std::get_if<http::Body>(&event)) dropped_ += body->bytes.size();
  if (dropped_ >= kMostDropped) end(kDropped);
}

void Attempt::on_connected(UpstreamConnection& connection) {
  began_ = connects_since();
  if (connection.served() > 0)
    counts_->connections_reused.add();
  else
    conduct().note_connected();
  reused_ = !connection.multiplexes() && connection.served() > 0;  // where there was none to be made
  open(connection);
}

void Attempt::on_connect_failed(const base::Error& error) {
  note_connect_failure(error);
  clear();
  base::Error failed = error;
  failed.retry = base::Retry::not_processed;
  failed.status = error.reason == base::Reason::connect_refused ? 502 : 503;
  handler_.on_attempt_failed(*this, failed);
}

// Over HTTP/2 a connection speaks for itself too (SETTINGS, PING), whatever becomes of the requests behind
// it.
void Attempt::on_event(http::Event&& event) {
  if (may_be_declined_) conduct().hear(connections_->runtime().now());
  if (answer_ == Answer::awaited) count_answer(event);
  if (order_.admit(event)) {
    if (state_ == State::dropping) [[unlikely]]
      return go_on_dropping(event);
    return handler_.on_attempt_event(*this, std::move(event));
  }
  const base::Error broken{base::Reason::internal, base::Fault::ourselves, base::Retry::never, 502,
                           "events out of order"};
  const bool dropping = state_ == State::dropping;
  end(broken);
  if (!dropping) handler_.on_attempt_failed(*this, broken);
}

// The first final head is the attempt's answer.
void Attempt::count_answer(const http::Event& event) {
  const auto* head = std::get_if<http::ResponseHead>(&event);
  if (!head || head->head->interim()) return;
  answer_ = head->head->status == 101 ? Answer::tunnel : Answer::begun;
  counts_->answers.add(head->head->status);
  const int status = may_be_declined_ ? policy::status_of_node(*head->head) : head->head->status;
  if (status != head->head->status) counts_->failures.add();
  conduct().note_answer(status, began_, connections_->runtime().now());
}

// Whoever gives up before the node's time is over says nothing of it.
void Attempt::note_connect_failure(const base::Error& error) const {
  using base::Reason;
  const bool gave_up = error.reason == Reason::request_timeout || error.reason == Reason::response_timeout;
  if (error.fault == base::Fault::upstream && !gave_up)
    conduct().note_connect_failure(error, began_, connections_->runtime().now());
}

// Before the answer's end. Whose doing that is decides what is counted; a connection that the node closed as
// the request came says nothing of the node, and the request is sent again. Nor does the end of a tunnel, or
// of what is dropped.
void Attempt::count_end(const base::Error& why) {
  if (!stream_ || answer_ == Answer::tunnel || state_ == State::dropping) return;
  if (answer_ == Answer::begun) {
    if (why.fault == base::Fault::upstream) counts_->broken_answers.add(), counts_->failures.add();
  } else if (why.fault != base::Fault::upstream)
    counts_->cancelled.add();
  else if (!reused_ || why.retry != base::Retry::reused_connection || is_late()) {
    counts_->answers.add(0);
    // What it declined it may do next time, unless it cannot; how long a whole request may take says nothing
    // of this try.
    const bool declined = why.retry == base::Retry::declined && why.reason != base::Reason::upstream_bad;
    if (declined || why.reason == base::Reason::request_timeout) return;
    counts_->failures.add();
    conduct().note_no_answer(why, began_, connections_->runtime().now());
  }
}

void Attempt::on_sent(std::size_t bytes) {
  if (state_ != State::dropping) handler_.on_attempt_sent(*this, bytes);
}

void Attempt::on_send_failed(const base::Error& error) {
  if (state_ == State::dropping) return;
  state_ = State::send_failed;
  handler_.on_attempt_send_failed(*this, error);
}

void Attempt::on_reset(const base::Error& error) {
  if (may_be_declined_ && error.reason == base::Reason::upstream_reset)
    conduct().hear(connections_->runtime().now());
  const bool dropping = state_ == State::dropping;
  base::Error counted = error;  // a node may give up on a client
  if (!dropping && handler_.waits_for_client(*this)) counted.fault = base::Fault::ourselves;
  count_end(counted);
  clear();
  if (!dropping) handler_.on_attempt_failed(*this, error);
}

}  // namespace weir::core
