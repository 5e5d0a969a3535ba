// /api/pools as JSON, as docs/api.md has it. Any thread but the workers'.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "proxy/admin/recent.h"
#include "proxy/admin/scene.h"

namespace weir::admin {

// A node's transitions are told where the latest is younger than this (milliseconds since 1970).
inline constexpr std::int64_t kAllTransitions = -1;
inline constexpr std::int64_t kNoTransitions = INT64_MAX;

nlohmann::ordered_json pool_json(const core::SnapshotPool& pool, const Scene& scene, const Recent& recent,
                                 std::int64_t transitions_since);
// `pool`: that it is in, if there still is one.
nlohmann::ordered_json node_json(const core::Endpoint& node, const core::SnapshotPool* pool,
                                 const Scene& scene, const Recent& recent);
nlohmann::ordered_json pools_json(const Scene& scene, const Recent& recent, std::int64_t transitions_since);

std::string utc(std::int64_t wall_ms);  // 2026-11-25T12:00:00.123Z
std::int64_t wall_ms();

}  // namespace weir::admin
