// The hash of Weir's consistent hashing: XXH64 with seed 0, as its specification
// ("XXH64 algorithm", xxHash fast digest, version 0.1.1) lays down. The same text hashes to the same number
// on every machine and in every version; nodes' places and keys' places depend on it, so it must never
// change. Not for secrets: who knows the algorithm can choose colliding keys.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::balancer {

std::uint64_t hash(std::string_view text);

}  // namespace weir::balancer
