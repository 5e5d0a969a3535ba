// What changes something: each request is checked, given to the host, answered, and audited, whatever comes
// of it.
#include <utility>

#include <fmt/format.h>

#include "proxy/admin/api.h"
#include "proxy/admin/order_json.h"
#include "proxy/admin/pools_json.h"
#include "proxy/admin/reload_json.h"
#include "proxy/admin/state_json.h"
#include "proxy/admin/unknown.h"

namespace weir::admin {
namespace {

using Json = nlohmann::ordered_json;

Answer json_answer(int status, const Json& json) {
  Answer answer;
  answer.status = status;
  answer.text = as_text(json);
  return answer;
}

std::string outcome_of(const ReloadReport& report) {
  std::string outcome(kReloadResults[static_cast<std::size_t>(report.result)]);
  if (!report.errors.empty()) outcome += ": " + report.errors.front();
  return outcome;
}

}  // namespace

void Api::change_node(Id id, const Call& call) {
  auto order = read_change(call.request.body);
  if (order) order->address = call.names.address;
  place(id, call, std::move(order));
}

void Api::add_node(Id id, const Call& call) {
  place(id, call, read_add(call.request.body));
}

void Api::remove_node(Id id, const Call& call) {
  if (!says_nothing(id, call)) return;
  NodeOrder order;
  order.kind = NodeOrder::Kind::remove;
  order.address = call.names.address;
  place(id, call, std::move(order));
}

void Api::place(Id id, const Call& call, FromBody<NodeOrder> wanted) {
  const Audit audit(call.request);
  if (!wanted) return refuse(id, audit, wanted.error());
  NodeOrder order = std::move(*wanted);
  order.pool = call.names.pool;
  order.author = audit.author();
  host_.order(order, [id, audit, order, weak = std::weak_ptr(self_)](const OrderReport& report) {
    if (const auto api = weak.lock()) return (*api)->conclude(id, audit, order, report);
    audit.tell(admin::outcome_of(report));
  });
}

// Who asks for what is not there hears what is.
void Api::conclude(Id id, const Audit& audit, const NodeOrder& order, OrderReport report) {
  if (report.result == OrderReport::Result::not_found) {
    const core::Snapshot& snapshot = *scene_->snapshot;
    const core::SnapshotPool* pool = find_pool(snapshot, order.pool);
    if (!pool)
      report.error = unknown_pool(snapshot, order.pool);
    else if (!find_node(*pool, order.address))
      report.error = unknown_node(*pool, order.address);
  }
  std::optional<std::int64_t> until_ms;
  const bool in_force =
      report.result == OrderReport::Result::done || report.result == OrderReport::Result::unchanged;
  if (in_force && order.time)
    until_ms = wall_ms() + std::chrono::duration_cast<std::chrono::milliseconds>(*order.time).count();
  audit.tell(admin::outcome_of(report));
  port_->answer(id, answer_of(report, until_ms));
}

void Api::refuse(Id id, const Audit& audit, const BodyError& error) {
  OrderReport report;
  report.result = error.status == 409 ? OrderReport::Result::refused : OrderReport::Result::invalid;
  report.error = error.text;
  Answer answer = answer_of(report, std::nullopt);
  answer.status = error.status;
  audit.tell(admin::outcome_of(report));
  port_->answer(id, std::move(answer));
}

void Api::refuse_body(Id id, const Audit& audit, const BodyError& error) {
  audit.tell("invalid: " + error.text);
  port_->answer(id, error_answer(error.status, error.text));
}

bool Api::says_nothing(Id id, const Call& call) {
  const auto nothing = read_nothing(call.request.body);
  if (!nothing) refuse_body(id, Audit(call.request), {400, nothing.error().text});
  return nothing.has_value();
}

std::function<void(const ReloadReport&)> Api::reload_told(Id id, const Call& call) {
  return [id, audit = Audit(call.request), weak = std::weak_ptr(self_)](const ReloadReport& report) {
    audit.tell(outcome_of(report));
    if (const auto api = weak.lock())
      (*api)->port_->answer(id, json_answer(status_of(report), to_json(report)));
  };
}

void Api::reload(Id id, const Call& call) {
  if (says_nothing(id, call)) host_.reload(Audit(call.request).author(), reload_told(id, call));
}

void Api::rollback(Id id, const Call& call) {
  if (says_nothing(id, call)) host_.rollback(Audit(call.request).author(), reload_told(id, call));
}

void Api::drain_self(Id id, const Call& call) {
  const Audit audit(call.request);
  const auto time = read_drain_time(call.request.body);
  if (!time) return refuse_body(id, audit, time.error());
  if (const auto begun = host_.drain_self(*time); !begun) {
    audit.tell("refused: " + begun.error());
    return port_->answer(id, json_answer(409, {{"result", "refused"}, {"error", begun.error()}}));
  }
  audit.tell("done");
  const std::int64_t until = wall_ms() + std::chrono::duration_cast<std::chrono::milliseconds>(*time).count();
  port_->answer(id, json_answer(200, {{"result", "done"}, {"until", utc(until)}}));
}

void Api::upgrade(Id id, const Call& call) {
  if (!says_nothing(id, call)) return;
  host_.upgrade([id, audit = Audit(call.request),
                 weak = std::weak_ptr(self_)](const base::Result<void, std::string>& outcome) {
    audit.tell(outcome ? "done" : "refused: " + outcome.error());
    const auto api = weak.lock();
    if (!api) return;
    if (outcome) return (*api)->port_->answer(id, json_answer(200, {{"result", "done"}}));
    (*api)->port_->answer(id, json_answer(409, {{"result", "refused"}, {"error", outcome.error()}}));
  });
}

}  // namespace weir::admin
