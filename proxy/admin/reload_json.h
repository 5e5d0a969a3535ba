// How a reload ended, as the API tells it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "proxy/admin/reload_report.h"

namespace weir::admin {

nlohmann::ordered_json to_json(const std::vector<config::Change>& changes);
int status_of(const ReloadReport& report);
nlohmann::ordered_json to_json(const ReloadReport& report);
// What a reload would do, likewise.
nlohmann::ordered_json diff_json(const ReloadReport& report);

}  // namespace weir::admin
