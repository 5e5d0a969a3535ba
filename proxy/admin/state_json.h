// The rest of what the API tells as JSON: connections by listener, and the event that the dashboard follows.
// Any thread but the workers'.
#pragma once

#include <cstdint>
#include <string>

#include <nlohmann/json.hpp>

#include "proxy/admin/recent.h"
#include "proxy/admin/scene.h"

namespace weir::admin {

nlohmann::ordered_json listeners_json(const Scene& scene);
// A whole server-sent event. Nodes' transitions are in it where the latest is younger than `since_ms`.
std::string state_event(const Scene& scene, const Recent& recent, std::int64_t since_ms);
std::string as_text(const nlohmann::ordered_json& value);

}  // namespace weir::admin
