#include "proxy/core/raw_connection.h"

#include <algorithm>
#include <span>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/core/data_path.h"
#include "proxy/core/local_reply.h"
#include "proxy/core/proxy_greeting.h"
#include "proxy/policy/affinity.h"
#include "proxy/policy/retry.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr Error kNoRoute{Reason::no_route, Fault::downstream, Retry::never, 0,
                         "no route takes this connection"};
constexpr Error kDenied{Reason::denied, Fault::downstream, Retry::never, 0,
                        "the route does not take connections of this client"};
constexpr Error kNoNode{Reason::no_node, Fault::ourselves, Retry::never, 0,
                        "no node of the pool can take the connection"};
constexpr Error kRawQueueFull{Reason::queue_full, Fault::ourselves, Retry::never, 0,
                              "the pool is at its limits, and its queue is full"};
constexpr Error kRawQueueTimeout{Reason::queue_timeout, Fault::ourselves, Retry::never, 0,
                                 "the connection waited for too long for the pool to have room"};
constexpr Error kConnectTimeout{Reason::connect_timeout, Fault::upstream, Retry::not_processed, 0,
                                "the node did not accept the connection in time"};
constexpr Error kClientReset{Reason::client_gone, Fault::downstream, Retry::never, 0,
                             "the client reset the connection"};
constexpr Error kSilent{Reason::client_timeout, Fault::downstream, Retry::never, 0,
                        "the connection was silent for too long"};

// What counts as its status: none was sent, but an answer with 503 is what a request would have had.
int status_of_failure(Reason reason) {
  if (reason == Reason::denied) return 403;
  return reason == Reason::client_gone || reason == Reason::client_timeout ? 0 : 503;
}

}  // namespace

RawConnection::RawConnection(DataPath& path, io::TransportPtr transport, tls::TlsTransport* tls,
                             observe::ListenerShare& listener)
    : ClientConnection(listener),
      path_(path),
      tls_(tls),
      timer_(path.runtime().timers(), *this),
      begun_(path.runtime().now()),
      state_(tls != nullptr ? State::Shaking : State::Choosing) {
  client_.transport = std::move(transport);
  listener_.requests.add();
  listener_.clients_in(state_of(state_)).add();
  timer_.set(base::deadline(begun_, path_.timeouts().header));
}

RawConnection::~RawConnection() = default;

void RawConnection::begin() {
  if (tls_ == nullptr) {
    const auto& raw = path_.snapshot().routers.connections_at(path_.terms_of(listener_)->name);
    if (raw.asks_name) {
      hello_ = std::make_unique<tls::ClientHello>();
      change(State::Naming);
    } else {
      find_route("");
    }
  }
  if (state_ != State::Closed) client_.transport->set_handler(client_);
}

void RawConnection::drain(base::Duration idle) {
  if (state_ == State::Shaking || state_ == State::Naming)
    timer_.set(std::min(timer_.at(), base::deadline(path_.runtime().now(), idle)));
}

void RawConnection::cut(const Error& error) {
  if (state_ != State::Closed) fail(error);
}

observe::ClientState RawConnection::state_of(State state) {
  switch (state) {
    case State::Shaking:
    case State::Naming:
      return observe::ClientState::reading;
    case State::Choosing:
    case State::Connecting:
      return observe::ClientState::active;
    case State::Relaying:
      return observe::ClientState::tunnel;
    case State::Closed:
      break;
  }
  return observe::ClientState::closing;
}

void RawConnection::change(State state) {
  listener_.clients_in(state_of(state_)).take();
  state_ = state;
  listener_.clients_in(state_of(state)).add();
}

// --- before there is a node

void RawConnection::on_connected(Side& side) {
  if (!is_client(side)) return begin_relay();
  listener_.handshakes.add(tls_->version(), tls_->resumed());
  find_route(tls_->server_name());
}

void RawConnection::find_route(std::string_view server_name) {
  hello_.reset();
  server_name_ = server_name;
  generation_ = &path_.pin();
  change(State::Choosing);
  const SnapshotRoute* route = route_by(*generation_->snapshot);
  if (route == nullptr) return fail(kNoRoute);
  if (is_denied(*route)) return fail(kDenied);
  go_by(*route);
  if (path_.overload() > static_cast<std::uint8_t>(route->priority)) {
    route_counts_->of(path_.worker()).shed.add();
    return fail(kOverloaded);
  }
  choose();
}

const SnapshotRoute* RawConnection::route_by(const Snapshot& snapshot) const {
  const auto& raw = snapshot.routers.connections_at(path_.terms_of(listener_)->name);
  const auto index = raw.router.route(server_name_, "");
  return index ? &snapshot.routes[*index] : nullptr;
}

bool RawConnection::is_denied(const SnapshotRoute& route) const {
  return route.admission && !policy::permits(route.admission->access, client_.transport->peer());
}

// Of generation_.
void RawConnection::go_by(const SnapshotRoute& route) {
  pool_ = &generation_->pools[route.pool];
  route_counts_ = route.counts;
  route_name_ = generation_->snapshot->config.routes[route.config].name;
  pool_name_ = pool_->config().name;
  connect_timeout_ = route.timeouts.connect;
  tunnel_timeout_ = route.timeouts.tunnel;
  most_attempts_ = route.retry.attempts;
  if (pool_->takes_key()) affinity_ = policy::affinity(client_.transport->peer());
}

void RawConnection::choose() {
  PoolGate& gate = pool_->gate();
  if (!gate.limits() || !gate.is_waited_for())
    if (take_place()) return on_placed();
  if (!gate.limits() || is_barred()) return fail_without_node();
  enter_queue();
}

void RawConnection::fail_without_node() {
  fail(last_error_.reason != Reason::none ? last_error_ : kNoNode);
}

std::optional<std::size_t> RawConnection::pick() {
  return pool_->pick({.hash = affinity_,
                      .tried = tried_,
                      .now = path_.runtime().now().time_since_epoch().count(),
                      .overdue_suspect = balancer::Node::kSuspectTrialTime});
}

bool RawConnection::take_place() {
  for (auto node = pick(); node; node = pick())
    if (auto place = Place::take(pool_->gate(), *pool_->endpoint(*node).node)) {
      place_ = std::move(*place);
      placed_ = *node;
      return true;
    } else if (!pool_->gate().has_room()) {
      break;
    }
  return false;
}

// Of the nodes of a configuration that has no route for it, it knows nothing.
bool RawConnection::sees_room() const {
  return pool_->sees_room() || !path_.is_current(*generation_);
}

bool RawConnection::on_called() {
  if (!follow_reload()) return false;
  if (waits()) return true;
  choose();
  return false;
}

// As an exchange does, whenever it has something to decide. Where no route takes it any more, its listener
// being gone, it goes on as it began. False: it is over.
bool RawConnection::follow_reload() {
  if (path_.is_current(*generation_)) return true;
  Generation& next = path_.pin();
  const SnapshotRoute* route = route_by(*next.snapshot);
  if (route == nullptr || is_denied(*route)) {
    path_.unpin(next);
    if (route != nullptr) fail(kDenied);
    return route == nullptr;
  }
  const Pool& pool = next.pools[route->pool];
  if (!pool.shares_with(*pool_)) stop_waiting_for_place();
  pool.carry_over(*pool_, tried_);
  Generation& before = *std::exchange(generation_, &next);
  go_by(*route);
  path_.unpin(before);
  return true;
}

void RawConnection::choose_again() {
  if (follow_reload()) choose();
}

void RawConnection::on_placed() {
  if (failed_at_) std::exchange(failed_at_, nullptr)->counts.of(path_.worker()).retries.add();
  tried_.push_back(placed_);
  connect(placed_);
}

// No node that it has not tried takes connections, full or not.
bool RawConnection::is_barred() const {
  return !pool_->takes_any(tried_);
}

void RawConnection::enter_queue() {
  const auto standing = tried_.empty() ? Standing::first : Standing::again;
  if (standing == Standing::again && pool_->config().queue.size == 0) return fail(kRawQueueFull);
  const policy::ClientKey client = policy::client_key(client_.transport->peer());
  switch (wait_at(pool_->gate(), pool_->share(), path_.queue_desk(), client, standing)) {
    case Outcome::placed:
      return on_placed();
    case Outcome::waits:
      return timer_.set(base::deadline(waits_since(), pool_->config().queue.timeout));
    case Outcome::full:
      return fail(kRawQueueFull);
  }
}

void RawConnection::on_change() {
  if (!on_called()) return;
  if (is_barred()) return fail_without_node();
  timer_.set(base::deadline(waits_since(), pool_->config().queue.timeout));
}

void RawConnection::on_shed(Reason why) {
  fail(why == Reason::queue_full ? kRawQueueFull : kRawQueueTimeout);
}

void RawConnection::count_in() {
  place_.count_in(*node_gate_);
}

void RawConnection::connect(std::size_t node) {
  ConnectionPool& connections = pool_->connections(node);
  node_gate_ = &pool_->gate();
  connections.enter(*this);
  node_counts_ = &connections.counts();
  node_name_ = connections.endpoint().text;
  attempt_at_ = path_.runtime().now();
  timer_.set(base::deadline(attempt_at_, pool_->config().queue.timeout));
  change(State::Connecting);
  seek_slot(path_.slot_desk(), connections.endpoint());
}

void RawConnection::on_slot() {
  ConnectionPool& connections = pool_->connections(tried_.back());
  attempt_at_ = path_.runtime().now();
  timer_.set(base::deadline(attempt_at_, connect_timeout_));
  const std::string greeting = proxy_greeting(pool_->config().proxy_protocol, *client_.transport);
  tls::Dial dial = connections.dial(greeting);
  dial.offer = tls::Offer::nothing;
  node_.transport = dial.connect(path_.runtime(), connections.endpoint().address, node_);
}

void RawConnection::leave_node() {
  node_.transport.reset();
  give_slot_up();
  base::ListHook<GuestTag>::unlink();
  place_.release();
}

void RawConnection::on_connect_failed(Side& side, const Error& error) {
  if (is_client(side)) {
    listener_.handshakes.add(tls_->failure());
    return finish(error.reason);  // it may have been told why, and is to read that
  }
  leave_node();
  if (error.reason == Reason::overloaded) return await_descriptor(error);
  short_since_ = base::kNever;
  if (error.reason == Reason::connect_timeout) {
    ++black_holes_;
    node_counts_->connect_timeout.add();
  } else if (error.reason != Reason::drained) {
    node_counts_->connect_refused.add();
  }
  if (error.fault == Fault::upstream)
    pool_->endpoint(tried_.back()).conduct.note_connect_failure(error, attempt_at_, path_.runtime().now());
  last_error_ = error;
  last_error_.retry = Retry::not_processed;  // no byte of the client's has gone anywhere
  const policy::Verdict verdict =
      policy::judge({.error = last_error_, .attempts = black_holes_, .most_attempts = most_attempts_});
  path_.refusal_log().note_attempt(error, node_name_, verdict, path_.runtime().now());
  if (verdict == policy::Verdict::give_up) return fail(last_error_);
  failed_at_ = pool_->endpoint(tried_.back()).shared_from_this();
  change(State::Choosing);
  choose_again();
}

// No descriptor for a connection to the node: that is nobody's fault but ours, and passes as others end.
void RawConnection::await_descriptor(const Error& error) {
  const base::Time now = path_.runtime().now();
  tried_.pop_back();
  short_since_ = std::min(short_since_, now);
  if (now - short_since_ >= connect_timeout_) return fail(error);
  path_.close_idle_upstreams();
  change(State::Choosing);
  timer_.set(now + DataPath::kDescriptorWait);
}

void RawConnection::begin_relay() {
  moved_at_ = path_.runtime().now();
  connect_time_ = moved_at_ - attempt_at_;
  relayed_ = true;
  change(State::Relaying);
  node_counts_->connections_opened.add();
  node_counts_->answers.add(101);  // as other tunnels are counted
  Conduct& conduct = pool_->endpoint(tried_.back()).conduct;
  conduct.note_connected();
  conduct.note_answer(101, attempt_at_, moved_at_);
  path_.unpin(*std::exchange(generation_, nullptr));
  pool_ = nullptr;
  timer_.set(base::deadline(moved_at_, tunnel_timeout_));
  const std::string early = std::exchange(early_, {});
  if (!early.empty()) pass(client_, early);
  if (client_.ended) node_.transport->shutdown_write();
  if (node_.transport->pending() < kMostOwed) client_.transport->resume();
}

// --- bytes

void RawConnection::on_read(Side& from, std::string_view bytes) {
  moved_at_ = path_.runtime().now();
  from.received += bytes.size();
  if (is_client(from)) listener_.received_bytes.add(bytes.size());
  if (state_ == State::Relaying) return pass(from, bytes);
  keep_early(bytes);
  if (state_ != State::Naming || hello_->read(bytes) == tls::ClientHello::State::more) return;
  find_route(std::string(hello_->server_name()));
}

void RawConnection::keep_early(std::string_view bytes) {
  early_ += bytes;
  if (early_.size() >= kMostOwed) client_.transport->pause();
}

void RawConnection::pass(Side& from, std::string_view bytes) {
  Side& to = other(from);
  if (to.deaf) return drop(from);
  note_sent(to, to.transport->write(std::span(&bytes, 1)));
  if (to.transport->pending() >= kMostOwed) from.transport->pause();
}

// Whoever sends to a connection that is closed gets a reset, as it would without us between.
void RawConnection::drop(Side& from) {
  const Side& to = other(from);
  if (!to.ended) return;  // the rest of what it sent is on its way
  if (is_client(to))
    fail({Reason::client_gone, Fault::downstream, Retry::never, 0, "the client closed the connection"});
  else
    fail({Reason::upstream_closed, Fault::upstream, Retry::never, 0, "the node closed the connection"});
}

void RawConnection::on_sent(Side& to, std::size_t bytes) {
  moved_at_ = path_.runtime().now();
  note_sent(to, bytes);
  if (to.transport->pending() <= kMostOwed / 2) other(to).transport->resume();
  settle();
}

void RawConnection::note_sent(Side& to, std::size_t bytes) {
  to.sent += bytes;
  if (is_client(to)) listener_.sent_bytes.add(bytes);
}

// --- the end

void RawConnection::on_read_end(Side& from) {
  from.ended = true;
  moved_at_ = path_.runtime().now();
  if (state_ == State::Relaying) {
    if (!other(from).deaf) other(from).transport->shutdown_write();
    return settle();
  }
  if (state_ != State::Naming) return;  // the node is told once there is one
  if (early_.empty()) return finish(Reason::client_gone);
  find_route("");
}

// Very many nodes end TLS without a goodbye. What they sent is passed on whole, then, and the end with it:
// who is to know whether all has come is the protocol that the two speak.
void RawConnection::on_read_error(Side& from, const Error& error) {
  if (!is_client(from) && error.reason == Reason::upstream_truncated) {
    ended_rudely_ = true;
    return on_read_end(from);
  }
  if (is_client(from))
    fail(kClientReset);
  else
    fail({Reason::upstream_reset, Fault::upstream, Retry::never, 0, "the node reset the connection"});
}

// What it sent before is still read, up to its end.
void RawConnection::on_write_error(Side& to) {
  if (is_client(to) && state_ != State::Relaying) return fail(kClientReset);
  to.deaf = true;
  if (state_ != State::Relaying) return;
  other(to).transport->resume();
  settle();
}

void RawConnection::settle() {
  if (!client_.ended || !node_.ended) return;
  for (const Side* side : {&client_, &node_})
    if (!side->deaf && side->transport->pending() > 0) return;
  const Reason end = ended_rudely_ ? Reason::upstream_truncated : Reason::none;
  finish(client_.deaf ? Reason::client_gone : node_.deaf ? Reason::upstream_closed : end);
}

// The node left the configuration, and its time is over.
void RawConnection::on_node_over(const Error& why) {
  if (state_ == State::Connecting) return on_connect_failed(node_, why);
  fail(why);
}

void RawConnection::on_timer() {
  switch (state_) {
    case State::Shaking:
      listener_.handshakes.add(tls::Failure::timeout);
      return finish(Reason::client_timeout);
    case State::Naming:  // it may be a client that waits for the server to speak first
      return find_route("");
    case State::Choosing:
      if (!waits()) return choose_again();
      time_out();
      return fail(kRawQueueTimeout);
    case State::Connecting:
      if (!awaits_slot()) return on_connect_failed(node_, kConnectTimeout);
      pool_->share().queue_timeout.add();
      return fail(kRawQueueTimeout);
    case State::Relaying:
      break;
    case State::Closed:
      return;
  }
  const base::Time due = base::deadline(moved_at_, tunnel_timeout_);
  if (due > path_.runtime().now()) return timer_.set(due);
  fail(kSilent);
}

std::size_t RawConnection::held() const {
  const auto pending = [](const Side& side) { return side.transport ? side.transport->pending() : 0; };
  return pending(client_) + pending(node_) + early_.size();
}

void RawConnection::fail(const Error& error) {
  client_.transport->reset();
  if (node_.transport) node_.transport->reset();
  finish(error.reason);
}

void RawConnection::finish(Reason reason) {
  WEIR_CHECK(state_ != State::Closed);
  const base::Duration total = path_.runtime().now() - begun_;
  const int status = relayed_ ? 101 : status_of_failure(reason);
  if (tried_.empty() && reason != Reason::none) listener_.refused.add(reason);
  if (route_counts_) route_counts_->of(path_.worker()).note(total, status, reason);
  if (relayed_) {
    node_counts_->tunnels_closed.add();
    node_counts_->connections_closed.add();
  }
  stop_waiting_for_place();
  if (path_.logs(reason, status)) record(reason, total);
  change(State::Closed);
  listener_.clients_in(state_of(state_)).take();
  listener_.closed.add();
  timer_.cancel();
  leave_node();
  client_.transport.reset();
  if (generation_) path_.unpin(*std::exchange(generation_, nullptr));
  path_.retire(*this);
}

void RawConnection::record(Reason reason, base::Duration total) {
  observe::ExchangeRecord record;
  record.client = client_.transport->peer();
  record.host = server_name_;
  record.protocol = "TCP";
  record.request_bytes = client_.received;
  record.response_bytes = client_.sent;
  record.total = total;
  record.upstream = connect_time_;
  record.queued = waited();
  record.route = route_name_;
  record.pool = pool_name_;
  record.node = node_name_;
  record.attempts = static_cast<std::uint32_t>(tried_.size());
  record.reason = reason;
  path_.log(record);
}

}  // namespace weir::core
