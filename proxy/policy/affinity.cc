#include "proxy/policy/affinity.h"

#include "balancer/hash.h"
#include "proxy/policy/request_key.h"

namespace weir::policy {

std::uint64_t affinity(const io::Ip& client) {
  return balancer::hash({reinterpret_cast<const char*>(client.bytes.data()), client.bytes.size()});
}

std::uint64_t affinity(const config::HashKey& key, const http::Request& request, const io::Ip& client) {
  const auto value = find_key(key, request);
  return value ? balancer::hash(*value) : affinity(client);
}

}  // namespace weir::policy
