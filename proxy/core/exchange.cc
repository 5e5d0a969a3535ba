#include "proxy/core/exchange.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/core/data_path.h"
#include "proxy/core/local_reply.h"
#include "proxy/http/uri.h"
#include "proxy/policy/affinity.h"
#include "proxy/policy/max_forwards.h"
#include "proxy/policy/misdirected.h"
#include "proxy/policy/retry.h"
#include "proxy/policy/rewrite.h"

namespace weir::core {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

constexpr base::Duration kDescriptorWait = std::chrono::milliseconds(20);
constexpr std::size_t kKeptHead = 16 * 1024;  // of a head's memory, from request to request

}  // namespace

Exchange::Exchange(DataPath& path)
    : path_(path), table_(path.table()), timer_(path.runtime().timers(), *this) {}

void Exchange::begin(http::Stream& client, const io::Ip& peer, std::string_view scheme,
                     base::Duration& body_timeout, observe::ListenerShare& listener) {
  WEIR_CHECK(state_ == State::Closed && !attempt_.live());
  client_ = &client;
  peer_ = &peer;
  scheme_ = scheme;
  listener_ = &listener;
  failed_at_ = nullptr;
  listener.requests.add();
  generation_ = &path_.pin();
  client_body_timeout_ = &body_timeout;
  route_ = nullptr;
  pool_ = nullptr;
  timeouts_ = nullptr;
  order_.reset();
  tried_.clear();
  granted_ = attempt_sent_ = body_in_ = body_out_ = unsent_ = 0;
  begun_ = client_sent_at_ = client_took_at_ = node_at_ = asked_at_ = path_.runtime().now();
  upstream_time_ = {};
  last_error_ = {};
  attempts_ = black_holes_ = refused_ = 0;
  status_ = 0;
  state_ = State::Choosing;
  trace_.state = Trace::State::off;
  request_ended_ = has_trailers_ = body_began_ = fresh_ = same_node_ = endless_ = continue_sent_ =
      node_ended_ = short_of_descriptors_ = false;
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
    attempt_.stream().send(http::End{});
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
  const policy::Trust trust = policy::trust_of(*peer_, config.trusted_proxies);
  client_ip_ =
      trust == policy::Trust::none ? *peer_ : policy::client_of(request_, *peer_, config.trusted_proxies);
  policy::forward(request_, {*peer_, trust, scheme_, request_id_});
  if (trust != policy::Trust::none) request_id_ = *request_.fields.get(http::FieldId::x_request_id);
  if (config.tracing) begin_trace(*config.tracing);
  if (const auto refusal = policy::misdirected(request_.scheme, scheme_, trust)) return reply(*refusal);
  if (!found)
    return reply({Reason::no_route, Fault::downstream, Retry::never, 404, "no route matches this request"});
  if (const auto answer = policy::spend_forward(request_)) return reply(*answer);
  if (request_.length.kind == http::BodyLength::Kind::bytes && request_.length.bytes > body_limit_)
    return reply({Reason::too_large, Fault::downstream, Retry::never, 413,
                  "the request body is larger than limits.body"});
  pool_ = &generation_->pools[route_->pool];
  if (pool_->takes_key()) affinity_ = policy::affinity(pool_->config().hash, request_, client_ip_);
  if (const auto& host = config.routes[route_->config].host) request_.authority = *host;
  names_no_host_ = request_.authority.empty();
  path_.runtime().defer(*this);
}

bool Exchange::find_route() {
  std::string_view target = request_.target;
  // OPTIONS * asks about the server as a whole: what stands at its root answers.
  const std::string_view path = target == "*" ? "/" : target.substr(0, target.find('?'));
  auto index = generation_->snapshot->router.route(request_.authority, path);
  if (!index) return false;
  route_ = &generation_->snapshot->routes[*index];
  timeouts_ = &route_->timeouts;
  *client_body_timeout_ = timeouts_->body;
  return true;
}

void Exchange::on_request_body(std::string_view bytes) {
  client_sent_at_ = path_.runtime().now();
  body_began_ = true;
  body_in_ += bytes.size();
  if (state_ != State::Tunnel && body_in_ > body_limit_)
    return on_receive_failed({Reason::too_large, Fault::downstream, Retry::never, 413,
                              "the request body is larger than limits.body"});
  if (attempt_.sending()) {
    if (state_ == State::Trying) replay_.keep_if_small(bytes);
    attempt_.stream().send(http::Body{bytes});
  } else if (state_ == State::Choosing || attempt_.state() == Attempt::State::connecting) {
    replay_.keep(bytes);
  } else if (state_ == State::Tunnel) {
    drop_from_tunnel(bytes.size());
  }
}

void Exchange::on_request_trailers(http::Fields& trailers) {
  trailers_.swap(trailers);
  has_trailers_ = true;
  if (attempt_.sending()) attempt_.stream().send(http::Trailers{&trailers_});
}

void Exchange::on_request_end() {
  request_ended_ = true;
  asked_at_ = path_.runtime().now();
  if (attempt_.sending()) attempt_.stream().send(http::End{});
  if (attempt_.live()) arm();  // until then the choice to come does, or a wait for a descriptor is on
}

void Exchange::run_deferred() {
  if (state_ == State::Closed) {
    replay_.clear();
    request_.fields.shrink(kKeptHead);
    trailers_.shrink(kKeptHead);
    return path_.recycle(*this);
  }
  if (state_ == State::Choosing && !attempt_.live() && !short_of_descriptors_) choose();
}

void Exchange::choose() {
  if (same_node_ && pool_->endpoint(node_).node->eligible()) return try_node(node_);
  same_node_ = false;
  auto node = pool_->pick({affinity_, tried_});
  // All have been tried. One that was reached may be tried again; one that refused to connect would refuse
  // again.
  if (!node && !tried_.empty() && last_error_.retry != Retry::not_processed)
    node = pool_->pick({affinity_, {}});
  if (node) {
    tried_.push_back(*node);
    return try_node(*node);
  }
  if (last_error_.reason != Reason::none) return reply(last_error_);
  reply({Reason::no_node, Fault::ourselves, Retry::never, 503, "no node of the pool can take the request"});
}

// A request of which a copy can be sent again to another node without harm.
bool Exchange::may_replay() const {
  using Kind = http::BodyLength::Kind;
  return http::is_idempotent(request_.method) && replay_.whole() && request_.length.kind != Kind::unknown &&
         request_.length.bytes <= ReplayBuffer::kMost;
}

void Exchange::try_node(std::size_t node) {
  node_ = node;
  attempt_at_ = path_.runtime().now();
  if (failed_at_) std::exchange(failed_at_, nullptr)->retries.add();
  const Attempt::Reuse reuse = fresh_ ? Attempt::Reuse::none : Attempt::Reuse::allowed;
  if (trace_.on()) begin_attempt_span();
  attempt_.begin(pool_->endpoint(node), pool_->connections(node),
                 may_replay() ? Care::replayable : Care::irreplaceable, reuse);
  if (attempt_.state() == Attempt::State::connecting) arm();
}

void Exchange::on_attempt_ready() {
  note(ExchangeEvent::attempt_ready);
  ++attempts_;
  fresh_ = same_node_ = false;
  state_ = State::Trying;
  attempt_sent_ = 0;
  node_at_ = path_.runtime().now();
  if (request_ended_) asked_at_ = node_at_;
  if (attempts_ > 1 && request_.expects_continue) continue_for_node();
  if (names_no_host_) request_.authority = pool_->host(node_);
  if (trace_.on()) policy::set_traceparent(request_.fields, trace_.context, trace_.attempt);
  http::Stream& stream = attempt_.stream();
  stream.send(http::RequestHead{&request_});
  if (!replay_.bytes().empty()) stream.send(http::Body{replay_.bytes()});
  if (!http::is_idempotent(request_.method) || replay_.bytes().size() > ReplayBuffer::kMost)
    replay_.give_up();
  if (has_trailers_) stream.send(http::Trailers{&trailers_});
  if (request_ended_) stream.send(http::End{});
  arm();
}

// A repeated attempt goes without Expect, so nobody else would tell a client that waits to go on.
void Exchange::continue_for_node() {
  request_.expects_continue = false;
  if (continue_sent_ || body_began_) return;
  continue_sent_ = true;
  http::Response& head = path_.scratch().response;
  head.clear();
  head.status = 100;
  client_->send(http::ResponseHead{&head});
}

void Exchange::on_attempt_sent(std::size_t bytes) {
  node_at_ = path_.runtime().now();
  attempt_sent_ += bytes;
  replay_.free_if_given_up();
  if (attempt_sent_ <= granted_) return;  // sent again
  std::uint64_t grant = attempt_sent_ - granted_;
  granted_ = attempt_sent_;
  client_->grant(grant);
}

void Exchange::on_attempt_send_failed(const Error&) {
  if (state_ == State::Tunnel) forgive(body_in_ - granted_);
  asked_at_ = path_.runtime().now();
  arm();
}

void Exchange::on_attempt_failed(const Error& error) {
  note(ExchangeEvent::attempt_failed);
  if (error.reason == Reason::upstream_bad)
    path_.refusal_log().note_answer(error, node_name(), path_.runtime().now());
  if (trace_.sampled()) end_attempt_span(error.reason, error.detail);
  if (state_ == State::Relaying || state_ == State::Tunnel) return cut(error);
  if (error.reason == Reason::overloaded) return await_descriptor(error);
  last_error_ = error;
  count_failed_attempt(error);
  const policy::FailedAttempt failed{
      error,           request_.method,          attempt_.reused_connection(),
      replay_.whole(), attempts_ + black_holes_, pool_->config().retry.attempts};
  const policy::Verdict verdict = policy::judge(failed);
  path_.refusal_log().note_attempt(error, node_name(), verdict, path_.runtime().now());
  if (verdict == policy::Verdict::give_up) return reply(error);
  failed_at_ = &pool_->connections(node_).counts();
  same_node_ = verdict == policy::Verdict::fresh_connection;
  if (same_node_) --attempts_;  // it says nothing of the node
  fresh_ |= same_node_;         // so that at most one such try goes before each that is counted
  state_ = State::Choosing;
  arm();
  path_.runtime().defer(*this);
}

void Exchange::count_failed_attempt(const Error& error) {
  observe::NodeShare& node = pool_->connections(node_).counts();
  if (error.reason == Reason::connect_timeout) {
    ++black_holes_;
    node.connect_timeout.add();
  } else if (error.retry == Retry::not_processed) {
    ++refused_;
    node.connect_refused.add();
  }
}

// No descriptor for a connection to the node: that is nobody's fault but ours, and passes as others end.
void Exchange::await_descriptor(const Error& error) {
  const base::Time now = path_.runtime().now();
  if (!same_node_) tried_.pop_back();
  if (now - begun_ >= timeouts_->connect) return reply(error);
  path_.close_idle_upstreams();
  state_ = State::Choosing;
  short_of_descriptors_ = true;
  timer_.set(now + kDescriptorWait);
}

void Exchange::on_send_failed(const Error& error) {
  on_reset(error);
}

// What the client sent is broken or late. Before the answer has begun it hears why.
void Exchange::on_receive_failed(const Error& error) {
  note(ExchangeEvent::request_cut);
  if (state_ == State::Relaying || state_ == State::Tunnel) return cut(error);
  attempt_.end(error);
  reply(error);
}

void Exchange::on_reset(const Error& error) {
  note(ExchangeEvent::client_gone);
  attempt_.end(error);
  finish(error.reason);
}

void Exchange::cut(const Error& error) {
  note_refusal(error, 0);
  attempt_.end(error);
  client_->reset(error);
  finish(error.reason);
}

void Exchange::note_refusal(const Error& error, int status) {
  if (error.reason == Reason::bad_request || error.reason == Reason::too_large)
    path_.refusal_log().note_request(error, status, *peer_, path_.runtime().now());
}

void Exchange::reply(const Error& error) {
  http::Response& head = path_.scratch().response;
  auto accept = request_.fields.get(http::FieldId::accept);
  status_ = status_of(error);
  if (tried_.empty()) listener_->refused.add(error.reason);
  note_refusal(error, status_);
  make_reply({error, status_, path_.date(), request_id_, accept.value_or("")}, head, text_);
  body_out_ = request_.method == http::Method::head ? 0 : text_.size();
  client_->send(http::ResponseHead{&head});
  client_->send(http::Body{text_});
  client_->send(http::End{});
  finish(error.reason);
}

void Exchange::finish(Reason reason) {
  WEIR_CHECK(state_ != State::Closed && !attempt_.live());
  state_ = State::Closed;
  timer_.cancel();
  const base::Duration total = path_.runtime().now() - begun_;
  count(reason, total);
  if (path_.logs(reason, status_)) record(reason, total);
  if (trace_.sampled()) end_trace(reason);
  kept_.reset();
  if (generation_) path_.unpin(*generation_);
  path_.runtime().defer(*this);
}

// The present or latest attempt's; empty before the first.
std::string_view Exchange::node_name() const {
  if (kept_) return kept_->node;
  return pool_ && !tried_.empty() ? std::string_view(pool_->endpoint(node_).text) : std::string_view();
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
  if (route_) record.route = generation_->snapshot->config.routes[route_->config].name;
  if (pool_) record.pool = pool_->config().name;
  if (kept_) record.route = kept_->route, record.pool = kept_->pool;
  record.node = node_name();
  record.attempts = attempts_ + black_holes_ + refused_;
  record.request_id = request_id_;
  record.reason = reason;
  path_.log(record);
}

}  // namespace weir::core
