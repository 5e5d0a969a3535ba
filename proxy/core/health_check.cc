#include "proxy/core/health_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/base/ascii.h"
#include "proxy/base/check.h"
#include "proxy/codec/proxy_header.h"
#include "proxy/config/scalar.h"

namespace weir::core {
namespace {

using Kind = CheckResult::Kind;
using Fields = std::vector<std::pair<std::string, std::string>>;

health::Probe probe_of(const config::Health& health) {
  if (!health.http) return {{}, ""};
  std::vector<health::StatusRange> statuses;
  for (const auto& range : health.http->expect) statuses.push_back({range.first, range.last});
  return {std::move(statuses), health.http->body};
}

// Without its query, which is nobody's business in a log.
std::string asked_by(const config::Health& health) {
  if (health.grpc) return "gRPC health check";
  if (!health.http) return "";
  const std::string& target = health.http->target;
  return fmt::format("{} {}", health.http->method, target.substr(0, target.find('?')));
}

Fields fields_of(const config::Health& health) {
  if (health.grpc) return {{"Content-Type", "application/grpc"}, {"User-Agent", "weir-health-check"}};
  if (!health.http) return {};
  Fields fields = health.http->headers;
  if (std::none_of(fields.begin(), fields.end(),
                   [](const auto& field) { return http::same_name(field.first, "User-Agent"); }))
    fields.emplace_back("User-Agent", "weir-health-check");
  return fields;
}

// A check is nobody's but Weir's.
std::string greeting_by(config::ProxyProtocol version) {
  if (version == config::ProxyProtocol::off) return "";
  return codec::local_proxy_header(version == config::ProxyProtocol::v1 ? codec::ProxyVersion::v1
                                                                        : codec::ProxyVersion::v2);
}

CheckResult connect_failed(const base::Error& error) {
  const Kind kind = error.fault == base::Fault::ourselves ? Kind::not_made : Kind::failed;
  if (http::same_name(error.detail, "connection refused"))
    return {kind, "connect refused", balancer::Verdict::hard};
  std::string detail(error.detail);
  if (!detail.empty()) detail[0] = base::lower(detail[0]);
  return {kind, "connect failed: " + detail, balancer::Verdict::hard};
}

}  // namespace

CheckPlan::CheckPlan(const config::Health& health, std::shared_ptr<const tls::ClientSettings> with,
                     config::Protocol spoken, config::ProxyProtocol version)
    : settings(health),
      tls(std::move(with)),
      protocol(spoken),
      proxy_protocol(version),
      greeting(greeting_by(version)),
      probe(probe_of(settings)),
      asked(asked_by(settings)),
      fields(fields_of(settings)),
      body(settings.grpc ? health::grpc_health_request(settings.grpc->service) : "") {}

HealthCheck::HealthCheck(io::Runtime& runtime, CheckHandler& handler)
    : runtime_(runtime), handler_(handler), timer_(runtime.timers(), *this) {}

void HealthCheck::begin(const CheckPlan& plan, const io::Address& address, std::string_view host,
                        codec::Scratch& scratch, tls::Scratch& tls_scratch) {
  WEIR_CHECK(!under_way());
  plan_ = &plan;
  const tls::Dial dial{
      .settings = plan.tls, .scratch = &tls_scratch, .host = host, .greeting = plan.greeting};
  if (const auto& asks = plan.settings.grpc) {
    grpc_answer_.emplace();
    return ask({.method = "POST",
                .target = health::kGrpcHealthMethod,
                .host = asks->host ? std::string_view(*asks->host) : host,
                .fields = plan.fields,
                .body = plan.body},
               address, scratch, dial);
  }
  if (!plan.settings.http) {
    timer_.set(base::deadline(runtime_.now(), plan.settings.timeout));
    transport_ = dial.connect(runtime_, address, *this);
    return;
  }
  judgement_.emplace(plan.probe);
  const config::HttpCheck& asks = *plan.settings.http;
  ask({.method = asks.method,
       .target = asks.target,
       .host = asks.host ? std::string_view(*asks.host) : host,
       .fields = plan.fields},
      address, scratch, dial);
}

void HealthCheck::ask(const CallRequest& request, const io::Address& address, codec::Scratch& scratch,
                      const tls::Dial& dial) {
  call_ = HttpCall::start(runtime_, scratch, *this, address, request, {plan_->settings.timeout, kMostBody},
                          {dial, plan_->protocol});
}

void HealthCheck::abandon() {
  plan_ = nullptr;
  judgement_.reset();
  grpc_answer_.reset();
  call_.reset();
  transport_.reset();
  timer_.cancel();
}

void HealthCheck::finish(CheckResult result) {
  // What is behind another port says nothing of whether the node accepts.
  if (plan_ != nullptr && plan_->settings.port != 0) result.verdict = balancer::Verdict::soft;
  abandon();
  handler_.on_checked(std::move(result));
}

// What is not expected fails at once: the rest of the answer changes nothing.
void HealthCheck::on_call_head(const http::Response& head) {
  if (grpc_answer_ && head.status == 200) return note_grpc_status(head.fields);
  CheckResult failed{Kind::failed, fmt::format("{} answered {}", plan_->asked, head.status)};
  if (!grpc_answer_) {
    if (plan_->settings.http->agent) agent_ = policy::read_agent(head.fields);
    if (plan_->probe.expects(head.status)) return;
    failed.agent = agent_;
  }
  finish(std::move(failed));
}

void HealthCheck::on_call_body(std::string_view bytes) {
  if (grpc_answer_)
    grpc_answer_->see(bytes);
  else
    judgement_->see(bytes);
}

void HealthCheck::on_call_trailers(const http::Fields& trailers) {
  if (grpc_answer_) note_grpc_status(trailers);
}

// It stands in the trailers, or in the head of an answer that has no message. Anything but 0 is an error.
void HealthCheck::note_grpc_status(const http::Fields& fields) {
  const auto status = fields.get("grpc-status");
  if (!status || *status == "0") return;
  const std::string_view word = status->substr(0, kMostStatus);
  finish({Kind::failed, fmt::format("{} answered grpc-status {}", plan_->asked, word)});
}

void HealthCheck::on_call_end(const CallEnd& end) {
  finish(judged(end));
}

CheckResult HealthCheck::judged(const CallEnd& end) const {
  const std::string& asked = plan_->asked;
  const std::string timeout = config::written(plan_->settings.timeout);
  switch (end.kind) {
    case CallEnd::Kind::answered:
      if (grpc_answer_) return judged_grpc();
      if (!judgement_->has_text())
        return {.kind = Kind::failed,
                .text = fmt::format("{} answered {} without the expected text", asked, end.status),
                .agent = agent_};
      return {
          .kind = Kind::passed, .text = fmt::format("{} answered {}", asked, end.status), .agent = agent_};
    case CallEnd::Kind::connect_failed:
      return connect_failed(end.error);
    case CallEnd::Kind::connect_timed_out:
      return connect_timed_out();
    case CallEnd::Kind::unanswered:
      return {Kind::failed, fmt::format("{} was not answered within {}", asked, timeout)};
    case CallEnd::Kind::timed_out:
      return {Kind::failed, fmt::format("{} was not answered to its end within {}", asked, timeout)};
    case CallEnd::Kind::too_large:
      return {Kind::failed, fmt::format("{} answered more than 1MiB", asked)};
    case CallEnd::Kind::broken:
      break;
  }
  return judged_broken(end.error);
}

CheckResult HealthCheck::judged_grpc() const {
  using Word = health::GrpcHealthAnswer::Word;
  const Word word = grpc_answer_->word();
  if (word == Word::none)
    return {Kind::failed, fmt::format("{} was answered with something else", plan_->asked)};
  return {word == Word::serving ? Kind::passed : Kind::failed,
          fmt::format("{} answered {}", plan_->asked, health::word(word))};
}

CheckResult HealthCheck::judged_broken(const base::Error& error) const {
  switch (error.reason) {
    case base::Reason::upstream_closed:
    case base::Reason::upstream_reset:
      return {Kind::failed, fmt::format("{}: {}", plan_->asked, error.detail)};
    case base::Reason::upstream_truncated:
      return {Kind::failed, fmt::format("{}: {} inside the answer", plan_->asked, error.detail)};
    default:
      return {Kind::failed, fmt::format("{} answered malformed HTTP ({})", plan_->asked, error.detail)};
  }
}

CheckResult HealthCheck::connect_timed_out() const {
  return {Kind::failed, fmt::format("connect timed out after {}", config::written(plan_->settings.timeout)),
          balancer::Verdict::hard};
}

void HealthCheck::on_connected() {
  finish({Kind::passed, "connected"});
}

void HealthCheck::on_connect_failed(const base::Error& error) {
  finish(connect_failed(error));
}

void HealthCheck::on_timer() {
  finish(connect_timed_out());
}

}  // namespace weir::core
