// How far each key of each rate limit is ahead of its pace: one table a process, of a fixed size whatever
// comes, shared by all workers and kept over reloads. Keys are kept as hashes under a secret of the process.
// A set of sixteen places takes what hashes to it; when it is full, the key of the same limit that is least
// ahead makes room, which is forgiven what it is ahead by, so that a flood of new keys cannot free those that
// come too fast; one of another limit does where there is none of the same. Any thread; one short lock a
// shard.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "proxy/policy/rate_limit.h"

namespace weir::core {

class RateTable {
 public:
  static constexpr std::size_t kKeys = 128 * 1024;  // 16 bytes each

  RateTable();  // takes its secret from the system
  RateTable(std::uint64_t secret, std::size_t keys);
  RateTable(const RateTable&) = delete;
  RateTable& operator=(const RateTable&) = delete;

  // `limit` tells limits apart, `key` the keys of one.
  policy::RateVerdict spend(std::uint64_t limit, std::string_view key, const policy::RatePace& pace,
                            base::Time now);

  // One that was admitted was refused by another limit.
  void give_back(std::uint64_t limit, std::string_view key, const policy::RatePace& pace);

  // Keys that made room though they were ahead.
  std::uint64_t forgiven() const { return forgiven_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 64;
  static constexpr std::size_t kPlaces = 16;

  static constexpr std::uint64_t kLimit = 0xffff;  // the bits of a name that tell its limit

  struct Place {
    std::uint64_t name = 0;  // of its limit and key
    base::Time due = base::Time::min();
  };
  using Set = std::array<Place, kPlaces>;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<Set> sets;  // none until the first key comes
  };

  // Where the set of a key is, and what it is called there.
  struct Spot {
    Shard& shard;
    std::size_t set;
    std::uint64_t name;
  };
  Spot spot_of(std::uint64_t limit, std::string_view key);
  Place& place_of(Set& set, std::uint64_t name, base::Time now);

  const std::uint64_t secret_;
  const std::size_t sets_;  // of each shard
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> forgiven_{0};
};

}  // namespace weir::core
