// The exchange's clocks: which deadline is next in each state, and what happens when it has passed. What is
// stored as things happen is only when they did; the rest is worked out when the timer fires.
#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr Error kQueueTimeout{Reason::queue_timeout, Fault::ourselves, Retry::never, 503,
                              "the request waited for too long for the pool to have room"};
// Who waits for a slot learns no other way that it has one, and that the time to connect has begun.
constexpr base::Duration kSlotLook = std::chrono::milliseconds(50);
// So long there is one in most cases, if there will be.
constexpr base::Duration kSlotPatience = std::chrono::milliseconds(100);

constexpr Error kNoSlot{Reason::queue_timeout, Fault::ourselves, Retry::not_processed, 0,
                        "the node has all the connections it may, and another does not"};
constexpr Error kQuiet{Reason::connect_timeout, Fault::ourselves, Retry::not_processed, 0,
                       "the node is slow to accept, and another is not"};

}  // namespace

void Exchange::Due::at_most(base::Time from, base::Duration span, Reason why) {
  if (base::Time then = base::deadline(from, span); then < at) at = then, reason = why;
}

Exchange::Due Exchange::next_due() const {
  if (state_ == State::Closed || !timeouts_) return {};
  const config::Timeouts& limit = *timeouts_;
  Due due;
  switch (state_) {
    case State::Choosing:
    case State::Trying:
      due = due_while_trying();
      if (collecting_) due.at_most(client_sent_at_, limit.body, Reason::client_timeout);
      break;
    case State::Queued:
      due.at_most(waits_since(), pool_->config().queue.timeout, Reason::queue_timeout);
      break;
    case State::Relaying:
      if (!request_ended_ && !endless_request_ && body_in_ == granted_ && unsent_ == 0)
        due.at_most(std::max(try_->heard_at, client_sent_at_), limit.body, Reason::client_timeout);
      if (takes_too_slowly_) due.at_most(client_took_at_, base::Duration::zero(), Reason::client_gone);
      if (unsent_ > 0)
        due.at_most(client_took_at_, limit.body, Reason::client_gone);
      else if (!endless_)
        due.at_most(std::max(try_->heard_at, client_took_at_), limit.stream_idle, Reason::upstream_truncated);
      break;
    case State::Tunnel:
      due.at_most(std::max({try_->heard_at, client_sent_at_, client_took_at_}), limit.tunnel,
                  Reason::client_timeout);
      break;
    case State::Closed:
      break;
  }
  if (endless_request_)
    due.at_most(std::max({try_->heard_at, client_sent_at_, client_took_at_}), limit.tunnel,
                Reason::client_timeout);
  due.at_most(begun_, std::min(limit.request, patience_), Reason::request_timeout);
  return due;
}

Exchange::Due Exchange::due_while_trying() const {
  const Due due = try_->attempt.live() ? due_of(*try_) : Due();
  if (!other().attempt.live()) return due;
  const Due others = due_of(other());
  return others.at < due.at ? others : due;
}

Exchange::Due Exchange::due_of(const Try& each) const {
  const config::Timeouts& limit = *timeouts_;
  Due due;
  const bool connecting = each.attempt.state() == Attempt::State::connecting;
  if (connecting && each.attempt.awaits_slot()) {
    due.at_most(each.at, pool_->config().queue.timeout, Reason::queue_timeout);
    due.at_most(path_.runtime().now(), kSlotLook, Reason::none);
    return due;
  }
  const base::Time since = connecting ? each.attempt.connects_since() : each.at;
  if (connecting) due.at_most(since, limit.connect, Reason::connect_timeout);
  due.at_most(since, limit.attempt, Reason::response_timeout);
  look_at_quiet_node(each, due);
  if (connecting) return due;
  const bool asked = request_ended_ || each.attempt.state() == Attempt::State::send_failed;
  if (asked || node_owes_continue())
    due.at_most(std::max(each.asked_at, each.heard_at), limit.response, Reason::response_timeout);
  else if (body_in_ > granted_)
    due.at_most(std::max(each.heard_at, client_sent_at_), limit.response,
                Reason::response_timeout);  // the node takes nothing
  else if (!endless_request_)
    due.at_most(std::max(client_sent_at_, each.heard_at), limit.body, Reason::client_timeout);
  return due;
}

// Since when a node owes a connection, room for more of a body, or the answer. A call that may be silent for
// as long as it likes, and a client that is to send, say nothing of it.
std::optional<base::Time> Exchange::owes_since(const Try& each) const {
  if (each.attempt.awaits_slot()) return std::nullopt;
  if (each.attempt.state() == Attempt::State::connecting) return each.attempt.connects_since();
  if (may_stay_silent()) return std::nullopt;
  if (each.sent < body_in_ && each.attempt.sending()) return std::max(each.heard_at, client_sent_at_);
  if (each.sent < body_in_ || !request_ended_) return std::nullopt;
  return each.asked_at;
}

// A call, unless all of it has been sent and its caller waits for no longer than requests do.
bool Exchange::may_stay_silent() const {
  return endless_request_ && !(request_ended_ && patience_ <= timeouts_->response);
}

// A node that owes something, and says nothing to anybody. However long it has been silent to others, it has
// a quarter of that time, in which most of its answers come, for this one.
void Exchange::look_at_quiet_node(const Try& each, Due& due) const {
  const auto asked = owes_since(each);
  if (!asked) return;
  const Conduct& node = endpoint_of(each).conduct;
  base::Duration limit = node.suspect_after();
  const bool connecting = each.attempt.state() == Attempt::State::connecting;
  if (connecting && limit != Conduct::kNoLimit) limit = std::min(limit, slow_to_connect());
  const base::Time since = std::max({node.silent_since(*asked), *asked - (limit - limit / 4), each.quiet_at});
  due.at_most(since, limit, Reason::none);
}

// The kernel has more of the body than the node takes in all of that time, and the node takes some of it; it
// has to be looked at twice.
bool Exchange::is_taking(Try& each) const {
  if (!each.attempt.sending() || each.sent >= body_in_) return false;
  const std::size_t unacknowledged = each.attempt.unacknowledged();
  return std::exchange(each.unacknowledged, unacknowledged) != unacknowledged;
}

// A connection takes what the network does, however long the node's answers take.
base::Duration Exchange::slow_to_connect() const {
  return std::max(timeouts_->connect / 4, Conduct::kLeastSilence);
}

void Exchange::note_asked() const {
  const bool connecting = try_->attempt.state() == Attempt::State::connecting;
  if (!connecting && (may_stay_silent() || !request_ended_ || try_->sent < body_in_)) return;
  if (!try_->attempt.awaits_slot()) endpoint_of(*try_).conduct.note_asked(path_.runtime().now());
}

// Whoever waits for it is helped: by another try instead, where nothing has been sent, or by one beside it.
// At the highest level of overload it may be Weir that does not read.
void Exchange::on_node_quiet() {
  const base::Time now = path_.runtime().now();
  bool quiet_now = false;
  for (Try* each : {try_, &other()}) {
    if (!each->attempt.live()) continue;
    Due quiet;
    look_at_quiet_node(*each, quiet);
    if (quiet.at > now) continue;
    each->quiet_at = now;
    if (is_taking(*each) || path_.overload() == policy::Overload::kMost) continue;
    endpoint_of(*each).conduct.suspect(now);
    quiet_now = true;
  }
  if (!quiet_now || other().attempt.live()) return;
  const bool connecting = try_->attempt.state() == Attempt::State::connecting;
  if (!connecting || !leave_quiet_node()) begin_second();
}

// Its connection may yet stand, for others.
bool Exchange::leave_quiet_node() {
  if (!leave_for_other(kQuiet)) return false;
  failed_at_->counts.of(path_.worker()).connect_timeout.add();
  choose_again(base::Duration::zero());
  return true;
}

// There is no connection of the node to be had for the moment, and another one has room. Once in all.
bool Exchange::leave_full_node() {
  if (left_full_node_ || !leave_for_other(kNoSlot)) return false;
  left_full_node_ = true;
  choose_again(base::Duration::zero());
  return true;
}

// The node has begun to drain, gone down or been removed since it was chosen; sessions may stay.
bool Exchange::is_welcome() const {
  if (try_->node == Pool::kElsewhere) return false;
  return endpoint_of(*try_).node->eligible() || (has_session() && session_.node == try_->node);
}

// False: there is no other, or it would lose the place that it has, and wait.
bool Exchange::leave_for_other(const Error& why) {
  if (pool_->gate().limits() && pool_->gate().is_waited_for()) return false;
  next_node_ = pick_trusted();
  if (next_node_) leave_node(why);
  return next_node_.has_value();
}

void Exchange::end_try(const Error& why) {
  if (try_->attempt.awaits_slot()) add_wait(path_.runtime().now() - try_->at);
  try_->attempt.end(why);
}

// Nothing was sent there. Where no other takes the request, it may yet; but none that it has reached before.
void Exchange::leave_node(const Error& why) {
  if (trace_.sampled()) end_attempt_span(why.reason, why.detail);
  if (!std::exchange(same_node_, false)) forget_tried();
  end_try(why);
  failed_at_ = endpoint_of(*try_).shared_from_this();
}

// The timer is looked at again after half of `body` at the latest while either side may fall silent on bytes:
// what is stored as they move is only the time, a shorter deadline may have begun since, and what a client
// takes of the kernel's has to be seen twice.
void Exchange::arm() {
  base::Time at = next_due().at;
  if (state_ == State::Relaying || (state_ == State::Trying && !request_ended_))
    at = std::min(at, base::deadline(path_.runtime().now(), timeouts_->body / 2));
  timer_.set(std::min(at, std::min(choose_at_, second_at_)));
}

// The kernel may have more for a client than it takes in all of its time, and take nothing meanwhile; and
// over HTTP/2 it may take what goes before this. It is not silent as long as it takes either, and opens its
// window.
void Exchange::look_at_client() {
  if (state_ != State::Relaying || unsent_ == 0) return;
  const std::size_t in_flight = arrival_->transport->unacknowledged();
  const std::uint64_t delivered = client_->delivered(in_flight);
  if (delivered <= std::exchange(delivered_, delivered) || client_->withheld(in_flight)) return;
  client_took_at_ = path_.runtime().now();
}

void Exchange::on_timer() {
  if (state_ == State::Closed) return;
  const base::Time now = path_.runtime().now();
  if (is_stale()) [[unlikely]]
    follow_reload();
  look_at_client();
  Due due = next_due();
  if (due.at <= now && due.reason == Reason::none) {
    on_node_quiet();
    due = next_due();
  }
  if (due.at <= now && due.reason != Reason::none) return expire(due.reason);
  if (choose_at_ <= now) {
    choose_at_ = base::kNever;
    return choose();
  }
  if (try_->attempt.awaits_slot() && !other().attempt.live()) {
    if (!is_welcome()) return leave_node(kNoSlot), choose_again(base::Duration::zero());
    if (now - try_->at >= kSlotPatience && leave_full_node()) return;
  }
  // Whatever else makes a node suspect while it owes the answer is a reason like this one.
  if (second_at_ <= now) begin_second();
  arm();
}

// Of two tries, the one whose time was over first.
void Exchange::turn_to_late() {
  if (other().attempt.live() && due_of(other()).at < due_of(*try_).at) try_ = &other();
}

Error Exchange::out_of_patience() const {
  const std::uint16_t status = endless_request_ && !request_ended_ ? 408 : 504;
  return {Reason::request_timeout, Fault::downstream, Retry::never, status,
          "the caller would wait no longer"};
}

// A node that accepts nothing in the time of a whole try: nothing has been sent.
bool Exchange::connects_in_vain() const {
  const Attempt& attempt = try_->attempt;
  if (attempt.state() != Attempt::State::connecting || attempt.awaits_slot()) return false;
  return base::deadline(attempt.connects_since(), timeouts_->attempt) <= path_.runtime().now();
}

// The node has said nothing to anybody, and another one has not been asked. Where two are silent the request
// is slow, and a node that answers others is not at fault.
bool Exchange::hangs_alone() const {
  const Conduct& node = endpoint_of(*try_).conduct;
  return attempts_ == 1 && (request_ended_ || node_owes_continue()) && node.heard_at() <= try_->asked_at &&
         pool_->find_unsuspected(tried_).has_value();
}

void Exchange::fail_to_connect() {
  const Error error{Reason::connect_timeout, Fault::upstream, Retry::not_processed, 504,
                    "the node did not accept the connection in time"};
  try_->attempt.end(error);
  on_attempt_failed(try_->attempt, error);
}

void Exchange::expire(Reason reason) {
  switch (reason) {
    case Reason::connect_timeout:
      turn_to_late();
      return fail_to_connect();
    case Reason::response_timeout:
    case Reason::request_timeout: {
      const base::Time now = path_.runtime().now();
      const bool total = reason == Reason::request_timeout;
      if (!total) turn_to_late();
      if (!total && connects_in_vain()) return fail_to_connect();
      if (!total && base::deadline(try_->at, timeouts_->attempt) <= now && state_ != State::Relaying &&
          state_ != State::Tunnel) {
        // While its client is sending nothing is the node's to answer for.
        const bool awaited = request_ended_ || body_in_ > granted_;
        const Error slow{reason, awaited ? Fault::upstream : Fault::ourselves, Retry::other_node, 504,
                         "the try took longer than timeouts.attempt"};
        try_->attempt.end(slow);
        return on_attempt_failed(try_->attempt, slow);
      }
      Error error{reason, Fault::upstream, Retry::never, 504,
                  total ? "the request took too long" : "the node did not answer in time"};
      if (total && patience_ < timeouts_->request) error = out_of_patience();
      if (state_ == State::Relaying || state_ == State::Tunnel) return cut(error);
      if (!total && hangs_alone()) error.retry = Retry::other_node;
      if (!total && (other().attempt.live() || error.retry == Retry::other_node)) {
        try_->attempt.end(error);
        return on_attempt_failed(try_->attempt, error);
      }
      if (!total && is_limited()) learn_limit(504);
      end_tries(error);
      return reply(error);
    }
    case Reason::client_timeout: {
      if (state_ != State::Tunnel)
        return on_receive_failed(
            {reason, Fault::downstream, Retry::never, 408, "the request body did not arrive in time"});
      note(ExchangeEvent::request_cut);
      return cut({reason, Fault::downstream, Retry::never, 0, "the tunnel was silent for too long"});
    }
    case Reason::queue_timeout:
      if (waits()) {
        time_out();
        return reply(kQueueTimeout);
      }
      pool_->share().queue_timeout.add();
      turn_to_late();
      end_try(kQueueTimeout);
      return on_attempt_failed(try_->attempt, kQueueTimeout);
    case Reason::client_gone:
      return cut({Reason::client_timeout, Fault::downstream, Retry::never, 0,
                  takes_too_slowly_ ? "the client took the response too slowly"
                                    : "the client stopped taking the response"});
    default:
      return cut({Reason::upstream_truncated, Fault::upstream, Retry::never, 0,
                  "the node went silent inside its response"});
  }
}

}  // namespace weir::core
