// `redirect` and `hsts` of a listener's TLS: how clients are brought to it that come in clear, and kept
// there.
#pragma once

#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_redirect(const Field& field, std::optional<Redirect>& out);
void read_hsts(const Field& field, std::optional<Hsts>& out);

// Once all listeners are there, with their names: which of those in clear are redirected where. `at` is where
// each one's `redirect` stands.
void settle_redirects(std::vector<Listener>& listeners, const std::vector<Position>& at, Report& report);

}  // namespace weir::config
