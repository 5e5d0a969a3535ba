// The exchange's clocks: which deadline is next in each state, and what happens when it has passed. What is
// stored as things happen is only when they did; the rest is worked out when the timer fires.
#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

void Exchange::Due::at_most(base::Time from, base::Duration span, Reason why) {
  if (base::Time then = base::deadline(from, span); then < at) *this = {then, why};
}

Exchange::Due Exchange::next_due() const {
  if (state_ == State::Closed || !timeouts_) return {};
  const config::Timeouts& limit = *timeouts_;
  Due due;
  switch (state_) {
    case State::Choosing:
    case State::Trying:
      due = due_while_trying();
      break;
    case State::Relaying:
      if (!request_ended_ && body_in_ == granted_ && unsent_ == 0)
        due.at_most(std::max(node_at_, client_sent_at_), limit.body, Reason::client_timeout);
      if (unsent_ > 0)
        due.at_most(client_took_at_, limit.body, Reason::client_gone);
      else if (!endless_)
        due.at_most(std::max(node_at_, client_took_at_), limit.stream_idle, Reason::upstream_truncated);
      break;
    case State::Tunnel:
      due.at_most(std::max({node_at_, client_sent_at_, client_took_at_}), limit.tunnel,
                  Reason::client_timeout);
      break;
    case State::Closed:
      break;
  }
  due.at_most(begun_, limit.request, Reason::request_timeout);
  return due;
}

Exchange::Due Exchange::due_while_trying() const {
  const config::Timeouts& limit = *timeouts_;
  Due due;
  if (attempt_.state() == Attempt::State::connecting)
    due.at_most(attempt_at_, limit.connect, Reason::connect_timeout);
  if (attempt_.live()) due.at_most(attempt_at_, limit.attempt, Reason::response_timeout);
  if (state_ != State::Trying) return due;
  const bool asked = request_ended_ || attempt_.state() == Attempt::State::send_failed;
  // A client that was told to wait for 100 (Continue) waits for the node.
  const bool node_owes_continue = request_.expects_continue && !continue_sent_ && !body_began_;
  if (asked || node_owes_continue)
    due.at_most(std::max(asked_at_, node_at_), limit.response, Reason::response_timeout);
  else if (body_in_ > granted_)
    due.at_most(std::max(node_at_, client_sent_at_), limit.response,
                Reason::response_timeout);  // the node takes nothing
  else
    due.at_most(std::max(client_sent_at_, node_at_), limit.body, Reason::client_timeout);
  return due;
}

// The timer is looked at again after `body` at the latest while either side may fall silent on bytes: what is
// stored as they move is only the time, and a shorter deadline may have begun since.
void Exchange::arm() {
  base::Time at = next_due().at;
  if (state_ == State::Relaying || (state_ == State::Trying && !request_ended_))
    at = std::min(at, base::deadline(path_.runtime().now(), timeouts_->body));
  timer_.set(at);
}

void Exchange::on_timer() {
  if (state_ == State::Closed) return;
  const bool descriptor_may_be_free = std::exchange(short_of_descriptors_, false);
  const Due due = next_due();
  if (due.at <= path_.runtime().now()) return expire(due.reason);
  if (descriptor_may_be_free) return choose();
  arm();
}

void Exchange::expire(Reason reason) {
  switch (reason) {
    case Reason::connect_timeout: {
      const Error error{reason, Fault::upstream, Retry::not_processed, 504,
                        "the node did not accept the connection in time"};
      attempt_.end(error);
      return on_attempt_failed(error);
    }
    case Reason::response_timeout:
    case Reason::request_timeout: {
      const base::Time now = path_.runtime().now();
      const bool total = reason == Reason::request_timeout;
      if (!total && base::deadline(attempt_at_, timeouts_->attempt) <= now && state_ != State::Relaying &&
          state_ != State::Tunnel) {
        const Error slow{reason, Fault::upstream, Retry::other_node, 504,
                         "the try took longer than timeouts.attempt"};
        attempt_.end(slow);
        return on_attempt_failed(slow);
      }
      const Error error{reason, Fault::upstream, Retry::never, 504,
                        total ? "the request took too long" : "the node did not answer in time"};
      if (state_ == State::Relaying || state_ == State::Tunnel) return cut(error);
      attempt_.end(error);
      return reply(error);
    }
    case Reason::client_timeout: {
      if (state_ != State::Tunnel)
        return on_receive_failed(
            {reason, Fault::downstream, Retry::never, 408, "the request body did not arrive in time"});
      note(ExchangeEvent::request_cut);
      return cut({reason, Fault::downstream, Retry::never, 0, "the tunnel was silent for too long"});
    }
    case Reason::client_gone:
      return cut({Reason::client_timeout, Fault::downstream, Retry::never, 0,
                  "the client stopped taking the response"});
    default:
      return cut({Reason::upstream_truncated, Fault::upstream, Retry::never, 0,
                  "the node went silent inside its response"});
  }
}

}  // namespace weir::core
