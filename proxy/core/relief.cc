// The data path while Weir itself is overloaded, or short of descriptors: what ends so that others can go on.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "proxy/core/data_path.h"
#include "proxy/core/local_reply.h"

namespace weir::core {
namespace {

using namespace std::chrono_literals;

// Client connections that are closed at a time: for want of descriptors, and of seats (fewer of few).
constexpr std::size_t kMostRoom = 64, kMostSeats = 8;
constexpr base::Duration kRoomPause = 20ms;
constexpr base::Duration kIdleForMoment = 100ms;  // who is, is not about to ask, in all likelihood
constexpr base::Duration kIdleForLong = 1s;       // what is idle as long is not needed now
constexpr base::Duration kIdleGrace = 1s;         // for one more request of a client that is to go
constexpr std::size_t kFewBytes = 4 * 1024;       // who holds no more is no use to end

}  // namespace

// Who has been idle for long is the least likely to be about to ask.
void DataPath::make_room(Needed where) {
  close_idle_upstreams();
  end_idle_clients(kMostRoom, where, counts_.wants_room);
}

void DataPath::make_seats(Needed where) {
  const std::uint64_t seats = current_->snapshot->config.limits.connections;
  if (counts_.client_connections.load(std::memory_order_relaxed) < seats) return;
  end_idle_clients(std::min<std::size_t>(kMostSeats, seats / kMostSeats + 1), where, counts_.wants_seats);
}

// `wanted`: of other workers, where somebody waits here and none is idle.
void DataPath::end_idle_clients(std::size_t most, Needed where, std::atomic<bool>& wanted) {
  if (runtime_.now() < next_make_room_) return;
  next_make_room_ = runtime_.now() + kRoomPause;
  const std::vector<ClientConnection*> idle = idle_longest(most, kIdleForMoment);
  for (ClientConnection* connection : idle) connection->end_idle();
  if (idle.empty() && where == Needed::here) wanted.store(true, std::memory_order_relaxed);
}

// So many at most, the longest first, that have been idle for so long at least.
std::vector<ClientConnection*> DataPath::idle_longest(std::size_t most, base::Duration least) {
  struct Idle {
    base::Time since;
    ClientConnection* connection;
  };
  std::vector<Idle> idle;
  const base::Time latest = runtime_.now() - least;
  connections_.for_each([&](ClientConnection& connection) {
    if (const base::Time since = connection.idle_since(); since <= latest)
      idle.push_back({since, &connection});
  });
  const std::size_t count = std::min(most, idle.size());
  std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end(),
                    [](const Idle& a, const Idle& b) { return a.since < b.since; });
  std::vector<ClientConnection*> found;
  found.reserve(count);
  for (std::size_t i = 0; i < count; ++i) found.push_back(idle[i].connection);
  return found;
}

bool DataPath::relieve(std::uint64_t excess) {
  upstreams_.close_idle();
  for (ClientConnection* connection : idle_longest(SIZE_MAX, kIdleForLong)) connection->drain(kIdleGrace);
  std::vector<Holder> holders = find_holders();
  const std::uint64_t part = part_of(excess, holders);
  if (part == 0) return false;
  const std::uint64_t shed = shed_kept_bodies(part);
  if (shed > 0) holders = find_holders();  // some are over
  const std::uint64_t ended = shed < part ? end_holders(std::move(holders), part - shed) : 0;
  return shed + ended > 0;
}

// Of requests that no node has been found for: those of the lowest priority first, and then the largest.
std::uint64_t DataPath::shed_kept_bodies(std::uint64_t excess) {
  struct Kept {
    config::Priority priority;
    std::size_t bytes;
    Exchange* exchange;
  };
  std::vector<Kept> all;
  for (const auto& exchange : exchanges_)
    if (const std::size_t bytes = exchange->kept_body(); bytes > 0)
      all.push_back({exchange->priority(), bytes, exchange.get()});
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) {
    return a.priority != b.priority ? a.priority < b.priority : a.bytes > b.bytes;
  });
  std::uint64_t shed = 0;
  for (const Kept& kept : all) {
    if (shed >= excess) break;
    shed += kept.bytes;
    kept.exchange->shed();
  }
  return shed;
}

std::vector<DataPath::Holder> DataPath::find_holders() {
  std::vector<Holder> holders;
  connections_.for_each([&](ClientConnection& connection) {
    if (const std::size_t bytes = connection.held(); bytes > 0) holders.push_back({bytes, &connection});
  });
  return holders;
}

// As much of it as this worker holds of what all hold, by what the others said last: with equal parts, that
// of a worker which holds nothing would be let go of by nobody.
std::uint64_t DataPath::part_of(std::uint64_t excess, const std::vector<Holder>& holders) {
  std::uint64_t held = 0;
  for (const Holder& holder : holders) held += holder.bytes;
  const std::uint64_t more = held - std::exchange(held_, held);  // or less: modulo 2^64
  const std::uint64_t all = counts_.held.fetch_add(more, std::memory_order_relaxed) + more;
  if (held == 0) return 0;
  const double share = static_cast<double>(held) / static_cast<double>(all);
  return static_cast<std::uint64_t>(std::ceil(static_cast<double>(excess) * share));
}

// How many bytes they held.
std::uint64_t DataPath::end_holders(std::vector<Holder> holders, std::uint64_t excess) {
  std::sort(holders.begin(), holders.end(),
            [](const Holder& a, const Holder& b) { return a.bytes > b.bytes; });
  std::uint64_t ended = 0;
  for (const Holder& holder : holders) {
    if (ended >= excess || holder.bytes <= kFewBytes) break;
    holder.connection->cut(kOverloaded);
    ended += holder.bytes;
  }
  return ended;
}

}  // namespace weir::core
