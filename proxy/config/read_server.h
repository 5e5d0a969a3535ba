// Reads what concerns the process and every client: workers, shutting down, trust, limits.
#pragma once

#include "proxy/config/section.h"

namespace weir::config {

void read_workers(const Field& field, std::uint32_t& out);
void read_trusted_proxies(const Field& field, std::vector<io::IpPrefix>& out);
// auto, off, or a size.
void read_memory_limit(const Field& field, std::uint64_t& out);
void read_limits(const Field& field, Limits& out);

// The name of a field that is of no meaning to Weir otherwise; or off.
void read_deadline_header(const Field& field, std::string& out);

}  // namespace weir::config
