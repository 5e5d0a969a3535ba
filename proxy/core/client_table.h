// How many connections each client has open, over all workers, for limits.connections_per_client. A client is
// an IPv4 address, or the /64 of an IPv6 address, which is what one customer of a network is given; the peers
// on unix sockets have no address, and no limit. Holds an entry for each client that is in. Any thread; one
// short lock a shard.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "proxy/base/siphash.h"
#include "proxy/io/address.h"

namespace weir::core {

class ClientTable {
 public:
  using Key = std::uint64_t;
  static constexpr Key kNobody = 0;

  ClientTable();  // takes its secret from the system

  // Counts one more, unless there are `limit` already: then nothing is counted, and kNobody returned. What is
  // returned else is for leave().
  Key enter(const io::Ip& client, std::uint64_t limit);
  void leave(Key key);
  std::size_t clients() const;

 private:
  static constexpr std::size_t kShards = 64;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<Key, std::uint64_t> counts;
  };

  const base::SipHash hash_;
  std::array<Shard, kShards> shards_;
};

}  // namespace weir::core
