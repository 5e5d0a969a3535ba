// The key by which a hashing strategy sends requests of one kind to one node. Pure.
#pragma once

#include <cstdint>

#include "proxy/config/config.h"
#include "proxy/http/message.h"
#include "proxy/io/address.h"

namespace weir::policy {

// The stable hash of the request's key. A request that lacks the header, cookie or query parameter is keyed
// by its client's address.
std::uint64_t affinity(const config::HashKey& key, const http::Request& request, const io::Ip& client);

// Of a raw connection, which has nothing else.
std::uint64_t affinity(const io::Ip& client);

}  // namespace weir::policy
