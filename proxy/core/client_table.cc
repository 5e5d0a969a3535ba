#include "proxy/core/client_table.h"

#include <algorithm>

#include "proxy/core/secret.h"

namespace weir::core {

ClientTable::ClientTable() : hash_(draw_secret(), draw_secret()) {}

ClientTable::Key ClientTable::enter(const io::Ip& client, std::uint64_t limit) {
  const io::Ip who = client.family == io::Ip::Family::v6 ? client.network(64) : client;
  const std::uint64_t hash = hash_({reinterpret_cast<const char*>(who.bytes.data()), who.bytes.size()});
  const Key key = std::max<Key>(hash, kNobody + 1);
  Shard& shard = shards_[key % kShards];
  const std::lock_guard lock(shard.mutex);
  std::uint64_t& count = shard.counts[key];
  if (count >= limit) return kNobody;
  ++count;
  return key;
}

void ClientTable::leave(Key key) {
  Shard& shard = shards_[key % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto known = shard.counts.find(key);
  if (known != shard.counts.end() && --known->second == 0) shard.counts.erase(known);
}

std::size_t ClientTable::clients() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.counts.size();
  }
  return count;
}

}  // namespace weir::core
