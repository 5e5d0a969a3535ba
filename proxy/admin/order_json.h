// What came of orders, and which configurations there were, as the API tells it.
#pragma once

#include <optional>

#include <nlohmann/json_fwd.hpp>

#include "proxy/admin/message.h"
#include "proxy/admin/operations.h"

namespace weir::admin {

// `until_ms`: when a temporary one is over, since 1970; none: it has no end, or is none.
Answer answer_of(const OrderReport& report, std::optional<std::int64_t> until_ms);
// The same in words, for the log.
std::string outcome_of(const OrderReport& report);
nlohmann::ordered_json to_json(const std::vector<HistoryEntry>& history);

}  // namespace weir::admin
