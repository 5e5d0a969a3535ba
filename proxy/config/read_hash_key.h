// By what requests are told apart: client-ip, path, header:NAME, cookie:NAME or query:NAME.
#pragma once

#include "proxy/config/config.h"
#include "proxy/config/section.h"

namespace weir::config {

void read_hash_key(const Field& field, HashKey& out);

}  // namespace weir::config
