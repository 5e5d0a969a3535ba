// The dashboard: one page of HTML with its style and script, which lies in the binary as dashboard.html has
// it.
#pragma once

#include <string_view>

namespace weir::admin {

// Lives as long as the process. Any thread.
std::string_view dashboard_page();

// What the page may do, as its Content-Security-Policy: run what stands in it, and ask the port it came from.
inline constexpr std::string_view kDashboardPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace weir::admin
