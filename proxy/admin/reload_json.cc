#include "proxy/admin/reload_json.h"

#include <nlohmann/json.hpp>

namespace weir::admin {

using Json = nlohmann::ordered_json;

int status_of(const ReloadReport& report) {
  switch (report.result) {
    case ReloadReport::Result::published:
    case ReloadReport::Result::unchanged:
      return 200;
    case ReloadReport::Result::invalid:
      return 422;
    case ReloadReport::Result::refused:
    case ReloadReport::Result::rolled_back:
      break;
  }
  return 409;
}

Json to_json(const std::vector<config::Change>& changes) {
  Json list = Json::array();
  for (const config::Change& change : changes) {
    Json json = {{"kind", config::word(change.kind)}, {"path", change.path}};
    if (!change.from.empty()) json["from"] = Json::parse(change.from, nullptr, false);
    if (!change.to.empty()) json["to"] = Json::parse(change.to, nullptr, false);
    list.push_back(std::move(json));
  }
  return list;
}

Json diff_json(const ReloadReport& report) {
  return {{"changes", to_json(report.changes)}, {"errors", report.errors}, {"warnings", report.warnings}};
}

Json to_json(const ReloadReport& report) {
  return {{"result", kReloadResults[static_cast<std::size_t>(report.result)]},
          {"hash", report.hash},
          {"changes", to_json(report.changes)},
          {"errors", report.errors},
          {"warnings", report.warnings}};
}

}  // namespace weir::admin
