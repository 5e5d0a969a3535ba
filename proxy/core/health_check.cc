#include "proxy/core/health_check.h"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/base/ascii.h"
#include "proxy/base/check.h"
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
  if (!health.http) return "";
  const std::string& target = health.http->target;
  return fmt::format("{} {}", health.http->method, target.substr(0, target.find('?')));
}

Fields fields_of(const config::Health& health) {
  if (!health.http) return {};
  Fields fields = health.http->headers;
  if (std::none_of(fields.begin(), fields.end(),
                   [](const auto& field) { return http::same_name(field.first, "User-Agent"); }))
    fields.emplace_back("User-Agent", "weir-health-check");
  return fields;
}

CheckResult connect_failed(const base::Error& error) {
  const Kind kind = error.fault == base::Fault::ourselves ? Kind::not_made : Kind::failed;
  if (http::same_name(error.detail, "connection refused")) return {kind, "connect refused"};
  std::string detail(error.detail);
  if (!detail.empty()) detail[0] = base::lower(detail[0]);
  return {kind, "connect failed: " + detail};
}

}  // namespace

CheckPlan::CheckPlan(const config::Health& health, std::shared_ptr<const tls::ClientSettings> with)
    : settings(health),
      tls(std::move(with)),
      probe(probe_of(settings)),
      asked(asked_by(settings)),
      fields(fields_of(settings)) {}

HealthCheck::HealthCheck(io::Runtime& runtime, CheckHandler& handler)
    : runtime_(runtime), handler_(handler), timer_(runtime.timers(), *this) {}

void HealthCheck::begin(const CheckPlan& plan, const io::Address& address, std::string_view host,
                        codec::Scratch& scratch, tls::Scratch& tls_scratch) {
  WEIR_CHECK(!under_way());
  plan_ = &plan;
  const tls::Dial dial{plan.tls, &tls_scratch, host};
  if (!plan.settings.http) {
    timer_.set(base::deadline(runtime_.now(), plan.settings.timeout));
    transport_ = dial.connect(runtime_, address, *this);
    return;
  }
  judgement_.emplace(plan.probe);
  const config::HttpCheck& asks = *plan.settings.http;
  const CallRequest request{.method = asks.method,
                            .target = asks.target,
                            .host = asks.host ? std::string_view(*asks.host) : host,
                            .fields = plan.fields};
  call_ =
      HttpCall::start(runtime_, scratch, *this, address, request, {plan.settings.timeout, kMostBody}, dial);
}

void HealthCheck::abandon() {
  plan_ = nullptr;
  call_.reset();
  transport_.reset();
  timer_.cancel();
}

void HealthCheck::finish(CheckResult result) {
  abandon();
  handler_.on_checked(std::move(result));
}

// What is not expected fails at once: the rest of the answer changes nothing.
void HealthCheck::on_call_head(const http::Response& head) {
  if (plan_->probe.expects(head.status)) return;
  finish({Kind::failed, fmt::format("{} answered {}", plan_->asked, head.status)});
}

void HealthCheck::on_call_body(std::string_view bytes) {
  judgement_->see(bytes);
}

void HealthCheck::on_call_end(const CallEnd& end) {
  finish(judged(end));
}

CheckResult HealthCheck::judged(const CallEnd& end) const {
  const std::string& asked = plan_->asked;
  const std::string timeout = config::written(plan_->settings.timeout);
  switch (end.kind) {
    case CallEnd::Kind::answered:
      if (!judgement_->has_text())
        return {Kind::failed, fmt::format("{} answered {} without the expected text", asked, end.status)};
      return {Kind::passed, fmt::format("{} answered {}", asked, end.status)};
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
  return {Kind::failed, fmt::format("connect timed out after {}", config::written(plan_->settings.timeout))};
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
