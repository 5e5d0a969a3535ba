// Reads where spans go, and of how many requests.
#pragma once

#include <optional>

#include "proxy/config/section.h"

namespace weir::config {

void read_tracing(const Field& field, std::optional<Tracing>& out);

}  // namespace weir::config
