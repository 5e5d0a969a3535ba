#include "proxy/core/exchange.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/core/data_path.h"
#include "proxy/core/local_reply.h"
#include "proxy/core/proxy_greeting.h"
#include "proxy/http/uri.h"
#include "proxy/policy/affinity.h"
#include "proxy/policy/deadlines.h"
#include "proxy/policy/grpc.h"
#include "proxy/policy/https_only.h"
#include "proxy/policy/max_forwards.h"
#include "proxy/policy/misdirected.h"
#include "proxy/policy/rewrite.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr Error kBadText{Reason::bad_request, Fault::downstream, Retry::never, 400,
                         "the body of a gRPC-Web call is no base64"};
constexpr Error kNoRouteMatches{Reason::no_route, Fault::downstream, Retry::never, 404,
                                "no route matches this request"};
constexpr Error kDenied{Reason::denied, Fault::downstream, Retry::never, 403,
                        "the route does not take requests of this client"};
constexpr Error kTooFast{Reason::rate_limited, Fault::downstream, Retry::never, 429,
                         "more requests than the rate limit allows"};
constexpr base::Duration kClientPause = std::chrono::seconds(1);  // then others wait for it
constexpr base::Duration kNodePatience = std::chrono::milliseconds(300);
constexpr base::Duration kNodeLook = std::chrono::milliseconds(50);
constexpr std::size_t kKeptHead = 16 * 1024;  // of a head's memory, from request to request

}  // namespace

Exchange::Exchange(DataPath& path)
    : path_(path), table_(path.table()), timer_(path.runtime().timers(), *this) {}

void Exchange::begin(http::Stream& client, const Arrival& arrival, ClientPace& pace) {
  WEIR_CHECK(state_ == State::Closed && !try_->attempt.live() && !other().attempt.live());
  client_ = &client;
  arrival_ = &arrival;
  arrival.listener->requests.add();
  generation_ = &path_.pin();
  client_pace_ = &pace;
  route_ = nullptr;
  pool_ = nullptr;
  timeouts_ = nullptr;
  order_.reset();
  tried_.clear();
  second_ = nullptr;
  second_at_ = base::kNever;
  granted_ = try_->sent = body_in_ = body_out_ = unsent_ = 0;
  sends_.reset();
  takes_.reset();
  delivered_ = kNotLooked;
  begun_ = client_sent_at_ = granted_at_ = client_took_at_ = try_->heard_at = try_->asked_at =
      path_.runtime().now();
  upstream_time_ = {};
  patience_ = base::Duration::max();
  last_error_ = {};
  attempts_ = black_holes_ = refused_ = declined_ = pauses_ = 0;
  choose_at_ = short_since_ = alone_since_ = base::kNever;
  next_node_.reset();
  session_ = {};
  forget_waits();
  status_ = 0;
  state_ = State::Choosing;
  trace_.state = Trace::State::off;
  request_ended_ = collecting_ = has_trailers_ = body_began_ = fresh_ = same_node_ = endless_ =
      endless_request_ = in_call_ = continue_sent_ = takes_too_slowly_ = node_ended_ = left_full_node_ =
          is_renamed_ = false;
}

void Exchange::on_event(http::Event&& event) {
  if (!order_.admit(event))
    return cut({Reason::internal, Fault::ourselves, Retry::never, 0, "events out of order"});
  if (auto* head = std::get_if<http::RequestHead>(&event)) {
    on_request_head(*head->head);
  } else if (auto* body = std::get_if<http::Body>(&event)) {
    on_request_body(body->bytes);
  } else if (auto* trailers = std::get_if<http::Trailers>(&event)) {
    on_request_trailers(*trailers->fields);
  } else if (state_ == State::Tunnel) {
    try_->attempt.stream().send(http::End{});
    request_ended_ = true;
    on_tunnel_end();
  } else {
    on_request_end();
  }
}

void Exchange::on_request_head(http::Request& head) {
  request_.take(head);
  path_.make_request_id(request_id_);
  const config::Config& config = generation_->snapshot->config;
  body_limit_ = config.limits.body;
  const bool found = find_route();
  const io::Ip& peer = *arrival_->peer;
  const policy::Trust trust = policy::trust_of(peer, config.trusted_proxies);
  client_ip_ =
      trust == policy::Trust::none ? peer : policy::client_of(request_, peer, config.trusted_proxies);
  policy::forward(request_, {peer, trust, arrival_->scheme, request_id_, arrival_->identity});
  if (trust != policy::Trust::none) request_id_ = *request_.fields.get(http::FieldId::x_request_id);
  if (config.tracing) begin_trace(*config.tracing);
  if (const auto refusal = policy::misdirected(request_.scheme, arrival_->scheme, trust))
    return reply(*refusal);
  if (arrival_->hosts != nullptr && arrival_->hosts->is_misdirected(request_.authority))
    return reply(policy::kOtherCertificate);
  const Fare fare = pay_rate(arrival_->admission.get(), arrival_->listener->over_rate);
  if (fare == Fare::refused) return;
  if (arrival_->https != nullptr && arrival_->https->redirect && policy::is_for_https(request_))
    return redirect(*arrival_->https->redirect);
  if (!found) return reply(kNoRouteMatches);
  if (is_to_be_shed()) [[unlikely]]
    return shed();
  if (is_denied(*route_)) return deny();
  if (pay_rate(route_->admission.get(), route_->counts->of(path_.worker()).over_rate) == Fare::refused) {
    if (fare == Fare::paid) give_back_rate(*arrival_->admission);
    return;
  }
  if (const auto answer = policy::spend_forward(request_)) return reply(*answer);
  if (request_.length.kind == http::BodyLength::Kind::bytes && request_.length.bytes > body_limit_)
    return reply({Reason::too_large, Fault::downstream, Retry::never, 413,
                  "the request body is larger than limits.body"});
  pool_ = &generation_->pools[route_->pool];
  pool_->share().requests.add(path_.runtime().now());
  repeatable_ = policy::is_repeatable(request_);
  if (request_.fields.has(http::FieldId::content_type)) note_call();
  if (!config.deadline_header.empty()) note_patience(config.deadline_header);
  if (patience_ <= base::Duration::zero()) return reply(out_of_patience());
  collecting_ = is_collected();
  if (!collecting_) return enter_pool();
  if (request_.expects_continue) continue_for_node();
  path_.runtime().defer(*this);
}

// A node is chosen when the turn ends.
void Exchange::enter_pool() {
  if (pool_->takes_key()) affinity_ = policy::affinity(pool_->config().hash, request_, client_ip_);
  if (const StickyTokens* sticky = pool_->sticky()) find_session(*sticky);
  names_no_host_ = request_.authority.empty();
  path_.runtime().defer(*this);
}

// A client that sends its body slowly is to hold no node meanwhile.
bool Exchange::is_collected() const {
  const http::BodyLength& length = request_.length;
  if (length.kind != http::BodyLength::Kind::bytes || length.bytes == 0) return false;
  if (length.bytes > pool_->config().request_buffer || !request_.upgrade.empty() || web_) return false;
  const auto type = request_.fields.get(http::FieldId::content_type);
  return !type || !policy::is_grpc(*type);
}

// A call of gRPC may last for hours, and says itself how long it will wait. It goes over HTTP/2; what only
// says that it is one is a request like any other.
void Exchange::note_call() {
  if (!pool_->carries_calls()) return;
  translate();
  if (!web_ && request_.version < http::Version::http2) return;
  if (!policy::is_grpc(*request_.fields.get(http::FieldId::content_type))) return;
  endless_request_ = true;
  if (const auto text = request_.fields.get("grpc-timeout"))
    patience_ = policy::grpc_timeout(*text).value_or(patience_);
}

void Exchange::note_patience(const std::string& field) {
  if (const auto text = request_.fields.get(field))
    patience_ = std::min(patience_, policy::caller_patience(*text).value_or(patience_));
}

// The node hears of what is left.
void Exchange::tell_patience() {
  const base::Duration left =
      std::max(base::deadline(begun_, std::min(timeouts_->request, patience_)) - path_.runtime().now(),
               base::Duration(1));
  if (endless_request_ && request_.fields.get("grpc-timeout"))
    request_.fields.set("grpc-timeout", policy::grpc_timeout_text(left));
  const std::string& field = generation_->snapshot->config.deadline_header;
  if (field.empty()) return;
  if (const auto said = request_.fields.get(field); said && policy::caller_patience(*said))
    request_.fields.set(field, policy::patience_text(left, *said));
}

void Exchange::translate() {
  web_ = GrpcWeb::translate(request_, *client_);
  if (web_) client_ = web_.get();
}

std::optional<std::size_t> Exchange::route_in(const Snapshot& snapshot) const {
  const std::string_view target = request_.target;
  // OPTIONS * asks about the server as a whole: what stands at its root answers.
  const std::string_view path = target == "*" ? "/" : target.substr(0, target.find('?'));
  return router_of(snapshot).route(is_renamed_ ? own_host_ : request_.authority, path);
}

bool Exchange::find_route() {
  const auto index = route_in(*generation_->snapshot);
  if (!index) return false;
  take_route(generation_->snapshot->routes[*index]);
  return true;
}

void Exchange::take_route(const SnapshotRoute& route) {
  route_ = &route;
  timeouts_ = &route.timeouts;
  *client_pace_ = {timeouts_->body, timeouts_->min_rate};
}

const policy::Router& Exchange::router_of(const Snapshot& snapshot) const {
  if (!snapshot.routers.names_listeners()) return snapshot.router;
  const policy::Router* own = snapshot.routers.requests_at(path_.terms_of(*arrival_->listener)->name);
  return own != nullptr ? *own : snapshot.router;
}

// Bytes that come while the node has not taken those before say nothing: nobody waits for them. Others of the
// same turn came with those.
bool Exchange::is_sent_too_slowly(std::size_t bytes) {
  const base::Time now = path_.runtime().now();
  if (body_in_ > granted_ && now != client_sent_at_) {
    sends_.reset();
    return false;
  }
  return sends_.note(now - std::max(client_sent_at_, granted_at_), bytes, timeouts_->min_rate);
}

// The node may take nothing of it.
void Exchange::watch_taking() {
  const Conduct& node = endpoint_of(*try_).conduct;
  if (timer_.at() > base::deadline(client_sent_at_, node.suspect_after())) arm();
}

void Exchange::on_request_body(std::string_view bytes) {
  // Who does not say how much is to come may have nothing to send for the moment.
  const bool measured = state_ != State::Tunnel && request_.length.kind == http::BodyLength::Kind::bytes;
  const bool slow = measured && !endless_request_ && is_sent_too_slowly(bytes.size());
  client_sent_at_ = path_.runtime().now();
  if (slow)
    return on_receive_failed(
        {Reason::client_timeout, Fault::downstream, Retry::never, 408, "the request body came too slowly"});
  if (web_) {
    const auto decoded = web_->receive(bytes);
    if (!decoded) return on_receive_failed(kBadText);
    bytes = *decoded;
  }
  body_began_ = true;
  body_in_ += bytes.size();
  if (state_ != State::Tunnel && body_in_ > body_limit_)
    return on_receive_failed({Reason::too_large, Fault::downstream, Retry::never, 413,
                              "the request body is larger than limits.body"});
  if (collecting_) {
    replay_.keep(bytes);
    granted_at_ = client_sent_at_;
    forgive(bytes.size());
  } else if (try_->attempt.sending()) {
    if (state_ == State::Trying) replay_.keep_if_small(bytes);
    try_->attempt.stream().send(http::Body{bytes});
    if (state_ == State::Trying) watch_taking();
  } else if (state_ == State::Choosing || state_ == State::Queued ||
             try_->attempt.state() == Attempt::State::connecting) {
    replay_.keep(bytes);
  } else if (state_ == State::Trying) {
    replay_.keep_if_small(bytes);  // the node takes no more, and may yet decline what it has
  } else if (state_ == State::Tunnel) {
    drop_from_tunnel(bytes.size());
  }
}

void Exchange::on_request_trailers(http::Fields& trailers) {
  trailers_.swap(trailers);
  has_trailers_ = true;
  if (try_->attempt.sending()) try_->attempt.stream().send(http::Trailers{&trailers_});
}

void Exchange::on_request_end() {
  if (web_ && !web_->is_whole()) return on_receive_failed(kBadText);
  request_ended_ = true;
  try_->asked_at = path_.runtime().now();
  if (try_->attempt.sending()) try_->attempt.stream().send(http::End{});
  if (collecting_) return on_collected();
  if (!try_->attempt.live()) return;  // the choice to come arms, or a wait for a descriptor is on
  plan_second();
  if (state_ == State::Choosing || state_ == State::Trying) note_asked();
  arm();
}

void Exchange::run_deferred() {
  if (state_ == State::Closed) {
    replay_.clear();
    web_.reset();
    request_.fields.shrink(kKeptHead);
    trailers_.shrink(kKeptHead);
    return path_.recycle(*this);
  }
  if (collecting_) return arm();
  if (state_ == State::Choosing && !try_->attempt.live() && choose_at_ == base::kNever) choose();
}

void Exchange::choose() {
  if (is_stale() && !follow_reload()) [[unlikely]]
    return last_error_.reason == Reason::none ? reply_no_route() : reply_no_node();
  if (pool_->gate().limits()) [[unlikely]]
    return choose_within_limits();
  if (const auto node = find_node()) return begin_at(*node, Place(*pool_->endpoint(*node).node));
  await_node();
}

std::optional<std::size_t> Exchange::find_node() {
  if (same_node_ && takes_more(try_->node)) return try_->node;
  same_node_ = false;
  auto node = std::exchange(next_node_, std::nullopt);
  // Where its own node is full a client is served by another one.
  if (!node && tried_.empty() && has_session() && pool_->endpoint(*session_.node).node->has_room())
    return session_.node;
  if (!node || !pool_->takes_more(*node)) node = pick();
  // All have been tried. One that was reached may be tried again; one that refused to connect would refuse
  // again.
  if (!node && !tried_.empty() && last_error_.retry != Retry::not_processed && !leaves_out_full_one())
    node = pool_->pick({.hash = affinity_});
  return node;
}

void Exchange::begin_at(std::size_t node, Place&& place) {
  if (!same_node_) tried_.push_back(node);
  try_node(node, std::move(place));
}

void Exchange::reply_no_route() {
  reply(kNoRouteMatches);
}

void Exchange::reply_no_node() {
  if (last_error_.reason != Reason::none) return reply(last_error_);
  reply({Reason::no_node, Fault::ourselves, Retry::never, 503, "no node of the pool can take the request"});
}

// One that is back has been seen to be within that time, also where its checks have to pass as well.
void Exchange::await_node() {
  const base::Time now = path_.runtime().now();
  alone_since_ = std::min(alone_since_, now);
  if (is_to_be_shed() || now - alone_since_ >= kNodePatience || !pool_->may_return_any(tried_))
    return reply_no_node();
  choose_again(kNodeLook);
}

// A node that is held back is tried out by a request that can be sent again, as long as there are any; and a
// suspect, which may not answer for long, by one that another node answers meanwhile.
std::optional<std::size_t> Exchange::pick() const {
  balancer::PickInput input{.hash = affinity_, .tried = tried_};
  if (pool_->holds_back()) {
    input.now = path_.runtime().now().time_since_epoch().count();
    const bool may_be_tried = may_replay();
    input.overdue = may_be_tried ? 0 : balancer::Node::kTrialTime;
    input.overdue_suspect =
        may_be_tried && http::is_safe(request_.method) ? 0 : balancer::Node::kSuspectTrialTime;
  }
  return pool_->pick(input);
}

// A request of which a copy can be sent again to another node without harm.
bool Exchange::may_replay() const {
  using Kind = http::BodyLength::Kind;
  return repeatable_ && replay_.whole() && request_.length.kind != Kind::unknown &&
         request_.length.bytes <= ReplayBuffer::kMost;
}

void Exchange::try_node(std::size_t node, Place&& place) {
  if (failed_at_) std::exchange(failed_at_, nullptr)->counts.of(path_.worker()).retries.add();
  second_ = nullptr;
  begin_try(node, std::move(place), fresh_ ? Attempt::Reuse::none : Attempt::Reuse::allowed);
  if (route_->hedge.on()) plan_second();
  if (try_->attempt.state() == Attempt::State::connecting || second_at_ != base::kNever) arm();
}

void Exchange::begin_try(std::size_t node, Place&& place, Attempt::Reuse reuse) {
  try_->node = node;
  try_->quiet_at = {};
  try_->unacknowledged = 0;
  try_->at = path_.runtime().now();
  if (trace_.on()) begin_attempt_span();
  try_->attempt.begin(std::move(place), pool_->connections(node),
                      may_replay() ? Care::replayable : Care::irreplaceable, reuse,
                      proxy_greeting(pool_->config().proxy_protocol, *arrival_->transport));
  if (try_->attempt.state() == Attempt::State::connecting) note_asked();
}

void Exchange::on_attempt_ready(Attempt& attempt) {
  turn_to(attempt);
  note(ExchangeEvent::attempt_ready);
  ++attempts_;
  fresh_ = same_node_ = false;
  short_since_ = base::kNever;
  state_ = State::Trying;
  try_->sent = 0;
  add_wait(try_->attempt.began() - try_->at);  // for a slot
  try_->at = try_->attempt.began();
  try_->heard_at = path_.runtime().now();
  if (request_ended_) try_->asked_at = try_->heard_at;
  if (attempts_ > 1 && request_.expects_continue) continue_for_node();
  name_host();
  if (patience_ != base::Duration::max()) tell_patience();
  if (trace_.on()) policy::set_traceparent(request_.fields, trace_.context, try_->span);
  http::Stream& stream = try_->attempt.stream();
  stream.send(http::RequestHead{&request_});
  if (!replay_.bytes().empty()) stream.send(http::Body{replay_.bytes()});
  const bool may_be_sent_again = repeatable_ || try_->attempt.may_be_declined();
  if (!may_be_sent_again || replay_.bytes().size() > ReplayBuffer::kMost) replay_.give_up();
  if (has_trailers_) stream.send(http::Trailers{&trailers_});
  if (request_ended_) stream.send(http::End{});
  note_asked();
  arm();
}

void Exchange::name_host() {
  const auto& host = generation_->snapshot->config.routes[route_->config].host;
  if (!host && !names_no_host_ && !is_renamed_) return;
  if (!std::exchange(is_renamed_, true)) own_host_ = request_.authority;
  if (host)
    request_.authority = *host;
  else if (!names_no_host_)
    request_.authority = own_host_;
  else
    request_.authority = try_->node == Pool::kElsewhere ? try_->left->text : pool_->host(try_->node);
}

// A repeated attempt goes without Expect, so nobody else would tell a client that waits to go on.
void Exchange::continue_for_node() {
  request_.expects_continue = false;
  if (continue_sent_ || body_began_) return;
  continue_sent_ = true;
  client_sent_at_ = path_.runtime().now();  // from now on it is to send
  http::Response& head = path_.scratch().response;
  head.clear();
  head.status = 100;
  client_->send(http::ResponseHead{&head});
}

void Exchange::on_attempt_sent(Attempt& attempt, std::size_t bytes) {
  turn_to(attempt);
  try_->heard_at = path_.runtime().now();
  try_->sent += bytes;
  replay_.free_if_given_up();
  if (request_ended_ && try_->sent == body_in_ && state_ == State::Trying)
    note_asked(), arm();               // the node owes the answer
  if (try_->sent <= granted_) return;  // sent again
  std::uint64_t grant = try_->sent - granted_;
  granted_ = try_->sent;
  granted_at_ = try_->heard_at;
  client_->grant(grant);
}

void Exchange::on_attempt_send_failed(Attempt& attempt, const Error&) {
  turn_to(attempt);
  if (state_ == State::Tunnel) forgive(body_in_ - granted_);
  try_->asked_at = path_.runtime().now();
  arm();
}

bool Exchange::waits_for_client(const Attempt& attempt) const {
  const base::Time now = path_.runtime().now();
  const bool takes_nothing = unsent_ > 0 && now - client_took_at_ >= kClientPause;
  const Try& its = &attempt == &tries_[0].attempt ? tries_[0] : tries_[1];
  const bool sends_nothing = !request_ended_ && !endless_request_ && its.sent >= body_in_ &&
                             now - std::max(client_sent_at_, granted_at_) >= kClientPause;
  return takes_nothing || (sends_nothing && !node_owes_continue() && attempt.sending());
}

void Exchange::on_attempt_failed(Attempt& attempt, const Error& error) {
  turn_to(attempt);
  note(ExchangeEvent::attempt_failed);
  if (error.reason == Reason::upstream_bad)
    path_.refusal_log().note_answer(error, node_name(), path_.runtime().now());
  if (trace_.sampled()) end_attempt_span(error.reason, error.detail);
  if (state_ == State::Relaying || state_ == State::Tunnel) return cut(error);
  const bool goes_on = other().attempt.live();
  if (error.reason == Reason::overloaded) return goes_on ? go_on_with_other() : await_descriptor(error);
  short_since_ = base::kNever;
  last_error_ = error;
  if (error.reason == Reason::response_timeout && is_limited()) learn_limit(504);
  if (pool_->takes_key() && error.fault == Fault::upstream) counts_of(*try_).note_key(affinity_, true, false);
  count_failed_attempt(error);
  note_failed_session();
  if (goes_on) {
    path_.refusal_log().note_attempt(error, node_name(), policy::Verdict::other_node, path_.runtime().now());
    return go_on_with_other();
  }
  if (is_stale() && !follow_reload()) [[unlikely]]
    return reply(error);
  const auto [verdict, pause] = what_follows(error);
  path_.refusal_log().note_attempt(error, node_name(), verdict, path_.runtime().now());
  if (verdict == policy::Verdict::give_up) return reply(error);
  failed_at_ = endpoint_of(*try_).shared_from_this();
  same_node_ = verdict == policy::Verdict::fresh_connection;
  if (same_node_) --attempts_;  // it says nothing of the node
  fresh_ |= same_node_;         // so that at most one such try goes before each that is counted
  choose_again(pause);
}

void Exchange::count_failed_attempt(const Error& error) {
  observe::NodeShare& node = counts_of(*try_);
  if (error.reason == Reason::connect_timeout) {
    ++black_holes_;
    node.connect_timeout.add();
  } else if (error.retry == Retry::not_processed) {
    ++refused_;
    if (error.fault == Fault::upstream) node.connect_refused.add();
  }
}

// It has not been reached.
void Exchange::forget_tried() {
  const auto latest = std::find(tried_.rbegin(), tried_.rend(), try_->node);
  if (latest != tried_.rend()) tried_.erase(std::next(latest).base());
}

// No descriptor for a connection to the node: that is nobody's fault but ours, and passes as others end.
void Exchange::await_descriptor(const Error& error) {
  const base::Time now = path_.runtime().now();
  if (!same_node_) forget_tried();
  short_since_ = std::min(short_since_, now);
  if (now - short_since_ >= timeouts_->connect) return reply(error);
  path_.close_idle_upstreams();
  choose_again(DataPath::kDescriptorWait);
}

void Exchange::on_send_failed(const Error& error) {
  on_reset(error);
}

// What the client sent is broken or late. Before the answer has begun it hears why.
void Exchange::on_receive_failed(const Error& error) {
  note(ExchangeEvent::request_cut);
  if (state_ == State::Relaying || state_ == State::Tunnel) return cut(error);
  end_tries(error);
  reply(error);
}

void Exchange::on_reset(const Error& error) {
  note(ExchangeEvent::client_gone);
  end_tries(error);
  finish(error.reason);
}

void Exchange::cut(const Error& error) {
  note_refusal(error, 0);
  end_tries(error);
  const bool client_failed = error.reason == Reason::client_timeout || error.reason == Reason::client_gone;
  if (in_call_ && state_ == State::Relaying && !client_failed)
    end_call(error);
  else
    client_->reset(error);
  finish(error.reason);
}

// A caller is told the status of what has begun, too.
void Exchange::end_call(const Error& error) {
  trailers_.clear();
  tell_status(error, status_of(error), trailers_);
  client_->send(http::Trailers{&trailers_});
  client_->send(http::End{});
}

void Exchange::note_refusal(const Error& error, int status) {
  if (error.reason == Reason::bad_request || error.reason == Reason::too_large)
    path_.refusal_log().note_request(error, status, *arrival_->peer, path_.runtime().now());
}

bool Exchange::is_denied(const SnapshotRoute& route) const {
  return route.admission && !policy::permits(route.admission->access, client_ip_);
}

void Exchange::deny() {
  reply(kDenied);
}

Exchange::Fare Exchange::pay_rate(const policy::Admission* admission, observe::Count& over_rate) {
  if (admission == nullptr || !admission->rate) return Fare::none;
  const policy::RateRule& rule = *admission->rate;
  const policy::RateKey key(rule, request_, client_ip_);
  const policy::RateVerdict verdict =
      path_.rates().spend(key.limit(), key.text(), rule.pace, path_.runtime().now());
  if (verdict.admitted) return Fare::paid;
  if (rule.limit.dry_run == config::RateLimit::DryRun::on) {
    over_rate.add();
    return Fare::none;
  }
  refuse(rule, verdict);
  return Fare::refused;
}

void Exchange::give_back_rate(const policy::Admission& admission) {
  const policy::RateRule& rule = *admission.rate;
  const policy::RateKey key(rule, request_, client_ip_);
  path_.rates().give_back(key.limit(), key.text(), rule.pace);
}

void Exchange::refuse(const policy::RateRule& rule, const policy::RateVerdict& verdict) {
  http::Response& head = make_reply_to(kTooFast);
  policy::describe(rule, verdict, head.fields);
  answer(head, kTooFast.reason);
}

bool Exchange::is_to_be_shed() const {
  return path_.overload() > static_cast<std::uint8_t>(route_->priority);
}

void Exchange::shed() {
  route_->counts->of(path_.worker()).shed.add();
  reply(kOverloaded);
}

std::size_t Exchange::kept_body() const {
  const bool waits = state_ == State::Queued && tried_.empty();
  const bool awaits_node = choose_at_ != base::kNever && alone_since_ != base::kNever && tried_.empty();
  const bool chooses = state_ == State::Choosing && (collecting_ || awaits_node);
  const bool is_kept = (waits || chooses) && !replay_.bytes().empty();
  return is_kept ? replay_.held() : 0;
}

config::Priority Exchange::priority() const {
  return route_->priority;
}

std::size_t Exchange::held_bytes() const {
  const std::size_t head = request_.fields.most_bytes() + request_.target.size();
  return head + replay_.held() + (try_->attempt.sending() ? body_in_ - try_->sent : 0);
}

void Exchange::reply(const Error& error) {
  answer(make_reply_to(error), error.reason);
}

http::Response& Exchange::make_reply_to(const Error& error) {
  http::Response& head = path_.scratch().response;
  auto accept = request_.fields.get(http::FieldId::accept);
  status_ = status_of(error);
  if (tried_.empty()) arrival_->listener->refused.add(error.reason);
  note_refusal(error, status_);
  const auto type = request_.fields.get(http::FieldId::content_type);
  make_reply({error, status_, path_.date(), request_id_, accept.value_or(""), type.value_or("")}, head,
             text_);
  return head;
}

// To the same place under https.
void Exchange::redirect(std::uint16_t port) {
  if (request_.authority.empty())
    return reply({Reason::bad_request, Fault::downstream, Retry::never, 400,
                  "this port sends requests on to https, and this one names no host"});
  http::Response& head = path_.scratch().response;
  arrival_->listener->redirects.add();
  make_redirect(policy::https_location(request_, port), path_.date(), request_id_, head, text_);
  status_ = head.status;
  answer(head, Reason::none);
}

// With text_ as its body.
void Exchange::answer(http::Response& head, Reason reason) {
  arrival_->mark(head);
  body_out_ = request_.method == http::Method::head ? 0 : text_.size();
  client_->send(http::ResponseHead{&head});
  client_->send(http::Body{text_});
  client_->send(http::End{});
  finish(reason);
}

void Exchange::finish(Reason reason) {
  WEIR_CHECK(state_ != State::Closed && !try_->attempt.live() && !other().attempt.live());
  for (Try& each : tries_) each.attempt.let_go();
  stop_waiting_for_place();
  state_ = State::Closed;
  timer_.cancel();
  const base::Duration total = path_.runtime().now() - begun_;
  count(reason, total);
  if (path_.logs(reason, status_)) record(reason, total);
  if (trace_.sampled()) end_trace(reason);
  kept_.reset();
  failed_at_.reset();
  for (Try& each : tries_) each.left.reset();
  if (generation_) path_.unpin(*generation_);
  path_.runtime().defer(*this);
}

// The present or latest attempt's; empty before the first.
std::string_view Exchange::node_name() const {
  if (kept_) return kept_->node;
  return pool_ && !tried_.empty() ? std::string_view(endpoint_of(*try_).text) : std::string_view();
}

Endpoint& Exchange::endpoint_of(const Try& each) const {
  return each.node == Pool::kElsewhere ? *each.left : pool_->endpoint(each.node);
}

observe::NodeShare& Exchange::counts_of(const Try& each) const {
  if (each.node == Pool::kElsewhere) return each.left->counts.of(path_.worker());
  return pool_->connections(each.node).counts();
}

void Exchange::count(Reason reason, base::Duration total) {
  observe::RouteCounts* counts = route_ ? route_->counts.get() : kept_ ? kept_->counts.get() : nullptr;
  if (counts) counts->of(path_.worker()).note(total, status_, reason);
}

void Exchange::record(Reason reason, base::Duration total) {
  observe::ExchangeRecord record;
  record.client = client_ip_;
  record.method = request_.method_text;
  record.host = request_.authority;
  record.target = request_.target;
  record.protocol = http::name_of(request_.version);
  record.user_agent = request_.fields.get(http::FieldId::user_agent).value_or("");
  record.referer = request_.fields.get(http::FieldId::referer).value_or("");
  record.status = status_;
  record.request_bytes = body_in_;
  record.response_bytes = reason == Reason::none ? body_out_ : body_out_ - unsent_;
  record.total = total;
  record.upstream = upstream_time_;
  record.queued = waited();
  if (route_) record.route = generation_->snapshot->config.routes[route_->config].name;
  if (pool_) record.pool = pool_->config().name;
  if (kept_) record.route = kept_->route, record.pool = kept_->pool;
  record.node = node_name();
  record.attempts = attempts_ + black_holes_ + refused_;
  record.request_id = request_id_;
  if (arrival_->identity) record.client_subject = arrival_->identity->subject;
  record.reason = reason;
  path_.log(record);
}

}  // namespace weir::core
