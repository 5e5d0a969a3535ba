#include "proxy/admin/api.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/dashboard.h"
#include "proxy/admin/metrics.h"
#include "proxy/admin/order_json.h"
#include "proxy/admin/pools_json.h"
#include "proxy/admin/reload_json.h"
#include "proxy/admin/state_json.h"
#include "proxy/admin/unknown.h"
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

// An address with slashes is several segments, if it is written as it stands.
std::string unknown_path(std::string_view path) {
  const bool has_slashes = path.starts_with("/api/pools/") && path.find("/nodes/unix:/") != path.npos;
  return fmt::format("there is no {}{}", path,
                     has_slashes ? "; a slash in an address is written %2F: unix:%2Frun%2Fapp.sock" : "");
}

bool reads(http::Method method) {
  return method == http::Method::get || method == http::Method::head;
}

// What says nothing but that Weir is there, and the page that asks for the token itself.
bool is_open(const Request& request) {
  return request.path == "/healthz" || request.path == "/ready" || request.path == "/";
}

Answer unauthorised() {
  Answer answer = error_answer(401, "this needs a token: Authorization: Bearer TOKEN, as admin.token has it");
  answer.challenge = "Bearer";
  return answer;
}

}  // namespace

const Api::Operation Api::kOperations[] = {
    {http::Method::get, "/", &Api::dashboard},
    {http::Method::get, "/healthz", &Api::healthz},
    {http::Method::get, "/ready", &Api::ready},
    {http::Method::get, "/metrics", &Api::metrics},
    {http::Method::get, "/api/pools", &Api::pools},
    {http::Method::get, "/api/pools/{pool}", &Api::pool},
    {http::Method::post, "/api/pools/{pool}/nodes", &Api::add_node},
    {http::Method::get, "/api/pools/{pool}/nodes/{address}", &Api::node},
    {http::Method::patch, "/api/pools/{pool}/nodes/{address}", &Api::change_node},
    {http::Method::del, "/api/pools/{pool}/nodes/{address}", &Api::remove_node},
    {http::Method::get, "/api/config", &Api::config},
    {http::Method::get, "/api/connections", &Api::connections},
    {http::Method::get, "/api/events", &Api::events},
    {http::Method::post, "/api/reload", &Api::reload},
    {http::Method::post, "/api/rollback", &Api::rollback},
    {http::Method::get, "/api/diff", &Api::diff},
    {http::Method::get, "/api/history", &Api::history},
    {http::Method::post, "/api/drain-self", &Api::drain_self},
    {http::Method::post, "/api/upgrade", &Api::upgrade},
};

Api::Api(io::Runtime& runtime, ApiHost& host, std::shared_ptr<const Scene> scene)
    : runtime_(runtime),
      host_(host),
      scene_(scene),
      timer_(runtime.timers(), *this),
      self_(std::make_shared<Api*>(this)),
      reporter_(std::move(scene)) {}

void Api::open(io::ListenSocket socket, AllowedHosts hosts, Token token) {
  token_ = std::move(token);
  port_ = std::make_unique<Port>(runtime_, socket, std::move(hosts), *this);
}

void Api::stop_listening() {
  port_->stop_listening();
}

void Api::allow(AllowedHosts hosts, Token token) {
  port_->allow(std::move(hosts));
  if (token == token_) return;
  token_ = std::move(token);
  port_->end_followers();
}

void Api::publish(std::shared_ptr<const Scene> scene) {
  scene_ = scene;
  reporter_.publish(std::move(scene));
}

std::optional<Answer> Api::refusal(const Request& request) const {
  if (!is_open(request) && !token_.lets_in(request.authorization)) return unauthorised();
  const Found found = find(request);
  if (!found.operation && found.allow.empty()) return error_answer(404, unknown_path(request.path));
  if (!found.operation) return method_refused(found.allow);
  // A page of a stranger's cannot make a browser send this.
  if (!reads(request.method) && !is_json(request.content_type))
    return error_answer(415, "what changes something needs Content-Type: application/json");
  return std::nullopt;
}

void Api::on_request(Id id, const Request& request) {
  Found found = find(request);
  (this->*found.operation->serve)(id, {request, std::move(found.names)});
}

// "*" is the whole port, of which only OPTIONS may ask.
Api::Found Api::find(const Request& request) {
  Found found;
  if (request.path == "*") found.allow = kReadMethods;
  const http::Method method = reads(request.method) ? http::Method::get : request.method;
  for (const Operation& each : kOperations) {
    auto names = match_path(each.path, request.path);
    if (!names) continue;
    if (each.method == method) found = {&each, std::move(*names), std::move(found.allow)};
    if (!found.allow.empty()) found.allow += ", ";
    found.allow += each.method == http::Method::get ? kReadMethods : name_of(each.method);
  }
  return found;
}

std::vector<Api::Served> Api::served() {
  std::vector<Served> all;
  for (const Operation& each : kOperations) all.push_back({each.method, each.path});
  return all;
}

void Api::dashboard(Id id, const Call&) {
  Answer answer = text_answer(200, "text/html; charset=utf-8", std::string(dashboard_page()));
  answer.policy = kDashboardPolicy;
  port_->answer(id, std::move(answer));
}

void Api::healthz(Id id, const Call&) {
  port_->answer(id, text_answer(200, kText, "ok\n"));
}

void Api::ready(Id id, const Call&) {
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

bool Api::read_latencies(std::function<void(Latencies)> then) {
  const auto found = std::make_shared<Latencies>();
  return make(
      [found](const Scene& scene, const Recent& recent) {
        *found = recent.latencies(*scene.snapshot);
        return std::string();
      },
      [found, then = std::move(then)](const std::string&) { then(std::move(*found)); });
}

void Api::answer_made(Id id, std::string_view type, Reporter::Make what) {
  const bool asked = make(std::move(what), [this, id, type](std::string text) {
    port_->answer(id, text_answer(200, type, std::move(text)));
  });
  if (!asked) port_->answer(id, error_answer(503, kBusy));
}

void Api::metrics(Id id, const Call&) {
  answer_made(id, kMetricsType, [](const Scene& scene, const Recent&) { return metrics_text(scene); });
}

void Api::pools(Id id, const Call&) {
  answer_made(id, kJson, [](const Scene& scene, const Recent& recent) {
    return as_text({{"time", utc(wall_ms())}, {"pools", pools_json(scene, recent, kNoTransitions)}});
  });
}

void Api::pool(Id id, const Call& call) {
  const std::string& name = call.names.pool;
  if (!find_pool(*scene_->snapshot, name))
    return port_->answer(id, error_answer(404, unknown_pool(*scene_->snapshot, name)));
  answer_made(id, kJson, [name](const Scene& scene, const Recent& recent) {
    nlohmann::ordered_json made = {{"time", utc(wall_ms())}};
    if (const core::SnapshotPool* pool = find_pool(*scene.snapshot, name))
      made.update(pool_json(*pool, scene, recent, kAllTransitions));
    return as_text(made);
  });
}

void Api::node(Id id, const Call& call) {
  const auto& [name, address] = call.names;
  const core::SnapshotPool* pool = find_pool(*scene_->snapshot, name);
  if (!pool) return port_->answer(id, error_answer(404, unknown_pool(*scene_->snapshot, name)));
  const auto endpoint = find_node(*pool, address);
  if (!endpoint) return port_->answer(id, error_answer(404, unknown_node(*pool, address)));
  answer_made(id, kJson, [name, endpoint](const Scene& scene, const Recent& recent) {
    nlohmann::ordered_json made = {{"time", utc(wall_ms())}, {"pool", name}};
    made.update(node_json(*endpoint, find_pool(*scene.snapshot, name), scene, recent));
    return as_text(made);
  });
}

void Api::config(Id id, const Call&) {
  answer_made(id, kJson,
              [](const Scene& scene, const Recent&) { return config::to_json(scene.snapshot->config); });
}

void Api::connections(Id id, const Call&) {
  const nlohmann::ordered_json made = {{"time", utc(wall_ms())},
                                       {"overload", scene_->overload().level},
                                       {"listeners", listeners_json(*scene_)}};
  port_->answer(id, text_answer(200, kJson, as_text(made)));
}

void Api::events(Id id, const Call& call) {
  if (call.request.method == http::Method::head) return port_->answer(id, text_answer(200, kEvents, {}));
  const bool asked = make(
      [](const Scene& scene, const Recent& recent) { return state_event(scene, recent, kAllTransitions); },
      [this, id](const std::string& event) {
        port_->follow(id, kEvents, event);
        if (timer_.at() == base::kNever) timer_.set(runtime_.now() + kEventEach);
      });
  if (!asked) port_->answer(id, error_answer(503, kBusy));
}

void Api::diff(Id id, const Call&) {
  host_.diff([id, weak = std::weak_ptr(self_)](const ReloadReport& report) {
    if (const auto api = weak.lock())
      (*api)->port_->answer(id, text_answer(200, kJson, as_text(diff_json(report))));
  });
}

void Api::history(Id id, const Call&) {
  const nlohmann::ordered_json made = {{"time", utc(wall_ms())}, {"snapshots", to_json(host_.history())}};
  port_->answer(id, text_answer(200, kJson, as_text(made)));
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
