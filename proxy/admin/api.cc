#include "proxy/admin/api.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/dashboard.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/pools_json.h"
#include "proxy/admin/reload_json.h"
#include "proxy/admin/state_json.h"
#include "proxy/base/ascii.h"
#include "proxy/config/to_json.h"

namespace weir::admin {
namespace {

constexpr base::Duration kEventEach = std::chrono::seconds(1);
constexpr base::Duration kEventPause = std::chrono::milliseconds(250);  // between two in any case
constexpr std::int64_t kClocksApart = 100;  // ms; transitions are stamped by a coarser clock
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kEvents = "text/event-stream";
constexpr std::string_view kBusy = "busy with earlier requests; ask again";
constexpr std::string_view kPoolPath = "/api/pools/";

Answer text_answer(int status, std::string_view type, std::string text) {
  Answer answer;
  answer.status = status;
  answer.type = type;
  answer.text = std::move(text);
  return answer;
}

bool is_json(std::string_view type) {
  return base::lowered(std::string(base::trim(type.substr(0, type.find(';'))))) == kJson;
}

}  // namespace

const Api::Path Api::kPaths[] = {
    {"/", &Api::dashboard},
    {"/healthz", &Api::healthz},
    {"/ready", &Api::ready},
    {"/metrics", &Api::metrics},
    {"/api/pools", &Api::pools},
    {"/api/config", &Api::config},
    {"/api/connections", &Api::connections},
    {"/api/events", &Api::events},
    {"/api/reload", &Api::reload, Access::write},
    {"/api/diff", &Api::diff},
};

Api::Api(io::Runtime& runtime, ApiHost& host, std::shared_ptr<const Scene> scene)
    : runtime_(runtime),
      host_(host),
      scene_(scene),
      timer_(runtime.timers(), *this),
      self_(std::make_shared<Api*>(this)),
      reporter_(std::move(scene)) {}

void Api::open(io::ListenSocket socket, const io::Address& address, const std::vector<std::string>& hosts) {
  port_ = std::make_unique<Port>(runtime_, socket, AllowedHosts(address, hosts), *this);
}

void Api::stop_listening() {
  port_->stop_listening();
}

void Api::allow(const io::Address& address, const std::vector<std::string>& hosts) {
  port_->allow(AllowedHosts(address, hosts));
}

void Api::publish(std::shared_ptr<const Scene> scene) {
  scene_ = scene;
  reporter_.publish(std::move(scene));
}

// "*" is the whole port, of which only OPTIONS may ask.
std::optional<Answer> Api::refusal(const Request& request) const {
  const Path* known = find(request.path);
  if (!known && !request.path.starts_with(kPoolPath) && request.path != "*")
    return error_answer(404, fmt::format("there is no {}", request.path));
  if (!known || known->access == Access::read) {
    if (request.method != http::Method::get && request.method != http::Method::head) return method_refused();
    return std::nullopt;
  }
  if (request.method != http::Method::post) return method_refused("POST");
  // A page of a stranger's cannot make a browser send this.
  if (!is_json(request.content_type))
    return error_answer(415, "what changes something needs Content-Type: application/json");
  return std::nullopt;
}

void Api::on_request(Id id, const Request& request) {
  if (const Path* known = find(request.path)) return (this->*known->serve)(id, request);
  pool(id, request.path.substr(kPoolPath.size()));
}

const Api::Path* Api::find(std::string_view path) {
  const auto* known = std::find_if(std::begin(kPaths), std::end(kPaths),
                                   [path](const Path& each) { return each.path == path; });
  return known == std::end(kPaths) ? nullptr : known;
}

void Api::dashboard(Id id, const Request&) {
  Answer answer = text_answer(200, "text/html; charset=utf-8", std::string(dashboard_page()));
  answer.policy = kDashboardPolicy;
  port_->answer(id, std::move(answer));
}

void Api::healthz(Id id, const Request&) {
  port_->answer(id, text_answer(200, kText, "ok\n"));
}

void Api::ready(Id id, const Request&) {
  switch (host_.phase()) {
    case ApiHost::Phase::starting:
      return port_->answer(id, error_answer(503, "starting: no clients are taken yet"));
    case ApiHost::Phase::leaving:
      return port_->answer(id, error_answer(503, "asked to drain: clients are sent elsewhere for a while"));
    case ApiHost::Phase::draining:
      return port_->answer(id, error_answer(503, "draining: no new clients are taken"));
    case ApiHost::Phase::ready:
      return port_->answer(id, text_answer(200, kText, "ready\n"));
  }
}

bool Api::make(Reporter::Make make, std::function<void(std::string)> then) {
  return reporter_.ask(std::move(make), [this, then = std::move(then)](std::string text) {
    runtime_.post([then, text = std::move(text)]() mutable { then(std::move(text)); });
  });
}

void Api::answer_made(Id id, std::string_view type, Reporter::Make what) {
  const bool asked = make(std::move(what), [this, id, type](std::string text) {
    port_->answer(id, text_answer(200, type, std::move(text)));
  });
  if (!asked) port_->answer(id, error_answer(503, kBusy));
}

void Api::metrics(Id id, const Request&) {
  answer_made(id, kMetricsType, [](const Scene& scene, const Recent&) { return metrics_text(scene); });
}

void Api::pools(Id id, const Request&) {
  answer_made(id, kJson, [](const Scene& scene, const Recent& recent) {
    return as_text({{"time", utc(wall_ms())}, {"pools", pools_json(scene, recent, kNoTransitions)}});
  });
}

void Api::pool(Id id, const std::string& name) {
  const auto& pools = scene_->snapshot->pools;
  const bool known = std::any_of(pools.begin(), pools.end(),
                                 [&](const core::SnapshotPool& pool) { return pool.name == name; });
  if (!known) return port_->answer(id, error_answer(404, fmt::format("there is no pool \"{}\"", name)));
  answer_made(id, kJson, [name](const Scene& scene, const Recent& recent) {
    nlohmann::ordered_json made = {{"time", utc(wall_ms())}};
    for (const core::SnapshotPool& pool : scene.snapshot->pools)
      if (pool.name == name) made.update(pool_json(pool, scene, recent, kAllTransitions));
    return as_text(made);
  });
}

void Api::config(Id id, const Request&) {
  answer_made(id, kJson,
              [](const Scene& scene, const Recent&) { return config::to_json(scene.snapshot->config); });
}

void Api::connections(Id id, const Request&) {
  const nlohmann::ordered_json made = {{"time", utc(wall_ms())}, {"listeners", listeners_json(*scene_)}};
  port_->answer(id, text_answer(200, kJson, as_text(made)));
}

void Api::events(Id id, const Request& request) {
  if (request.method == http::Method::head) return port_->answer(id, text_answer(200, kEvents, {}));
  const bool asked = make(
      [](const Scene& scene, const Recent& recent) { return state_event(scene, recent, kAllTransitions); },
      [this, id](const std::string& event) {
        port_->follow(id, kEvents, event);
        if (timer_.at() == base::kNever) timer_.set(runtime_.now() + kEventEach);
      });
  if (!asked) port_->answer(id, error_answer(503, kBusy));
}

void Api::reload(Id id, const Request&) {
  host_.reload("asked by the API", [id, weak = std::weak_ptr(self_)](const ReloadReport& report) {
    if (const auto api = weak.lock())
      (*api)->port_->answer(id, text_answer(status_of(report), kJson, as_text(to_json(report))));
  });
}

void Api::diff(Id id, const Request&) {
  host_.diff([id, weak = std::weak_ptr(self_)](const ReloadReport& report) {
    if (const auto api = weak.lock())
      (*api)->port_->answer(id, text_answer(200, kJson, as_text(diff_json(report))));
  });
}

// A transition is not kept for the next second's event.
void Api::on_nodes_changed() {
  changed_ = true;
  if (timer_.at() != base::kNever) timer_.set(std::min(timer_.at(), event_at_ + kEventPause));
}

// As long as somebody follows. An event that takes longer than a second to make delays the next.
void Api::on_timer() {
  if (port_->followers() == 0) return;
  changed_ = false;
  event_at_ = runtime_.now();
  const std::int64_t since = std::exchange(event_ms_, wall_ms()) - kClocksApart;
  const bool asked =
      make([since](const Scene& scene, const Recent& recent) { return state_event(scene, recent, since); },
           [this](const std::string& event) {
             port_->push(event);
             timer_.set(runtime_.now() + (changed_ ? kEventPause : kEventEach));
           });
  if (!asked) timer_.set(runtime_.now() + kEventEach);
}

}  // namespace weir::admin
