// The exchange as a trace sees it: one span for itself, and below it one for each attempt, whose id the node
// is told. An exchange that is not sampled tells the node so, and makes none.
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"

namespace weir::core {

using base::Reason;
using observe::Span;

namespace {

// As much of it as a span may hold.
std::string_view cut_off(std::string_view text) {
  return text.substr(0, Span::kMostText);
}

// All lines of tracestate as one list; none rather than half of one.
std::string state_of(const http::Fields& fields) {
  std::string list;
  fields.for_each([&](const http::Field& field) {
    if (field.id == http::FieldId::tracestate) list.append(list.empty() ? "" : ",").append(field.value);
  });
  return list.size() <= Span::kMostText ? list : std::string();
}

}  // namespace

void Exchange::begin_trace(const config::Tracing& tracing) {
  trace_.context = policy::trace_of(request_.fields, path_.throw_trace_dice(), tracing.one_in);
  for (Try& each : tries_) each.span = 0;
  trace_.attempts = 0;
  trace_.state = Trace::State::told;
  if (trace_.context.sampling == policy::Sampling::dropped) return;
  trace_.state = Trace::State::sampled;
  trace_.exchange = path_.make_span_id();
  const io::Runtime& runtime = path_.runtime();
  trace_.wall_at_zero = runtime.wall_ns() - runtime.now().time_since_epoch().count();
}

void Exchange::begin_attempt_span() {
  try_->span = path_.make_span_id();
  try_->number = ++trace_.attempts;
  try_->status = 0;
}

// What is true of the exchange and of its attempts alike; it ends now.
Span Exchange::make_span(Span::Kind kind, base::Time begun) const {
  Span span;
  span.kind = kind;
  span.trace = trace_.context.trace;
  span.begin_ns = trace_.wall_at_zero + begun.time_since_epoch().count();
  span.end_ns = trace_.wall_at_zero + path_.runtime().now().time_since_epoch().count();
  span.state = state_of(request_.fields);
  span.method = cut_off(request_.method_text);
  span.target = cut_off(request_.target);
  if (pool_) span.pool = pool_->config().name;
  if (kept_) span.pool = kept_->pool;
  span.node = node_name();
  return span;
}

// A connection for which Weir itself had no descriptor is no attempt.
void Exchange::end_attempt_span(Reason reason, std::string_view detail) {
  if (try_->span == 0) return;
  const base::SpanId id = std::exchange(try_->span, 0);
  if (reason == Reason::overloaded) {
    --trace_.attempts;
    return;
  }
  Span span = make_span(Span::Kind::client, try_->at);
  span.id = id;
  span.parent = trace_.exchange;
  span.attempt = try_->number;
  span.status = try_->status;
  span.reason = reason;
  span.detail = detail;
  path_.add_span(std::move(span));
}

void Exchange::end_trace(Reason reason) {
  end_attempt_span(reason, {});
  Span span = make_span(Span::Kind::server, begun_);
  span.id = trace_.exchange;
  span.parent = trace_.context.parent;
  // What the client asked, whatever the node was told instead.
  span.scheme = cut_off(request_.fields.get(http::FieldId::x_forwarded_proto).value_or(""));
  span.host = cut_off(request_.fields.get(http::FieldId::x_forwarded_host).value_or(""));
  span.user_agent = cut_off(request_.fields.get(http::FieldId::user_agent).value_or(""));
  span.client = client_ip_;
  span.protocol = http::number_of(request_.version);
  if (route_) span.route = generation_->snapshot->config.routes[route_->config].name;
  if (kept_) span.route = kept_->route;
  span.status = status_;
  span.queued_ns = waited().count();
  span.reason = reason;
  path_.add_span(std::move(span));
}

}  // namespace weir::core
