// How long a client says that it waits for its answer, and how a node is told. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config/config.h"

namespace weir::policy {

// How long a client says that it waits: whole milliseconds, or a duration as the configuration writes them.
// None: it is neither.
std::optional<base::Duration> caller_patience(std::string_view text);
// What is left of it, a millisecond at least, in the form of what was said.
std::string patience_text(base::Duration left, std::string_view said);

}  // namespace weir::policy
