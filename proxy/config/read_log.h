// Reads what concerns the logs: Weir's own and the access log.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_log(const Field& field, Log& out);
void read_access_log(const Field& field, AccessLog& out);

}  // namespace weir::config
