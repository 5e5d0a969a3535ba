// Who may come in: lists of networks, and rate limits.
#pragma once

#include <optional>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

// A list's networks; that it is a list is known.
void read_networks(const Field& field, std::vector<io::IpPrefix>& out);

// `allow` and `deny`.
void read_access(const Section& section, Access& out);

void read_rate_limit(const Field& field, std::optional<RateLimit>& out, const KeyTable& keys);

}  // namespace weir::config
