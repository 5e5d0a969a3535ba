#include "proxy/admin/order_json.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "proxy/admin/pools_json.h"
#include "proxy/admin/reload_json.h"
#include "proxy/admin/state_json.h"

namespace weir::admin {
namespace {

using Json = nlohmann::ordered_json;

int status_of(OrderReport::Result result) {
  switch (result) {
    case OrderReport::Result::done:
    case OrderReport::Result::unchanged:
      return 200;
    case OrderReport::Result::not_found:
      return 404;
    case OrderReport::Result::invalid:
      return 422;
    case OrderReport::Result::refused:
      break;
  }
  return 409;
}

std::string_view word(OrderReport::Result result) {
  return kOrderResults[static_cast<std::size_t>(result)];
}

}  // namespace

Answer answer_of(const OrderReport& report, std::optional<std::int64_t> until_ms) {
  Json made = {{"result", word(report.result)},
               {"changes", to_json(report.changes)},
               {"written", report.written.empty() ? Json() : Json(report.written)},
               {"until", until_ms ? Json(utc(*until_ms)) : Json()}};
  if (!report.error.empty()) made["error"] = report.error;
  Answer answer;
  answer.status = status_of(report.result);
  answer.text = as_text(made);
  return answer;
}

std::string outcome_of(const OrderReport& report) {
  if (!report.error.empty()) return fmt::format("{}: {}", word(report.result), report.error);
  if (!report.written.empty()) return fmt::format("{}, written to {}", word(report.result), report.written);
  return std::string(word(report.result));
}

Json to_json(const std::vector<HistoryEntry>& history) {
  Json list = Json::array();
  for (const HistoryEntry& entry : history)
    list.push_back({{"time", utc(entry.wall_ms)},
                    {"state", kHistoryStates[static_cast<std::size_t>(entry.state)]},
                    {"author", entry.author},
                    {"hash", entry.hash},
                    {"reason", entry.reason},
                    {"changes", to_json(entry.changes)}});
  return list;
}

}  // namespace weir::admin
