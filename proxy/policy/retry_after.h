// What a node says of when to come again (RFC 9110 10.2.3). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/time.h"

namespace weir::policy {

// From `wall_ms` (since 1970) on, zero for a time that is over: of seconds, or of a date in the form that is
// preferred ("Sun, 06 Nov 1994 08:49:37 GMT"). None: it is neither.
std::optional<base::Duration> retry_after(std::string_view text, std::int64_t wall_ms);

}  // namespace weir::policy
