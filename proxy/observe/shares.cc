#include "proxy/observe/shares.h"

namespace weir::observe {
namespace {

// What ended is read first, so that what was counted meanwhile began before it.
std::uint64_t still_open(const Count& began, const Count& ended) {
  const std::uint64_t closed = ended.get();
  const std::uint64_t opened = began.get();
  return opened > closed ? opened - closed : 0;
}

}  // namespace

std::uint64_t open_connections(const NodeCounts& counts) {
  return counts.sum(
      [](const NodeShare& share) { return still_open(share.connections_opened, share.connections_closed); });
}

std::uint64_t open_connections(const ListenerCounts& counts) {
  return counts.sum([](const ListenerShare& share) { return still_open(share.accepted, share.closed); });
}

}  // namespace weir::observe
