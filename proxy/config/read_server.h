// Reads what concerns the process and every client: workers, shutting down, trust, limits.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_workers(const Field& field, std::uint32_t& out);
void read_trusted_proxies(const Field& field, std::vector<io::IpPrefix>& out);
void read_limits(const Field& field, Limits& out);

}  // namespace weir::config
