// Reads what concerns the logs: Weir's own and the access log.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

// As the values of the enums are spelled, in their order.
inline constexpr std::string_view kLogLevels[] = {"debug", "info", "warning", "error"};
inline constexpr std::string_view kLogStyles[] = {"text", "json"};

void read_log(const Field& field, Log& out);
void read_access_log(const Field& field, AccessLog& out);

}  // namespace weir::config
