// TLS: a listener's certificates and how it speaks, and how it is spoken to nodes. Reads the files that are
// named.
#pragma once

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

// `redirect`: where that key stands.
void read_listener_tls(const Field& field, Listener& out, Position& redirect);
void read_pool_tls(const Field& field, Pool& out);

}  // namespace weir::config
