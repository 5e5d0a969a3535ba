#include "proxy/observe/shares.h"

namespace weir::observe {
namespace {

// What ended is read first, so that what was counted meanwhile began before it.
template <class Began>
std::uint64_t still_open(Began began, const Count& ended) {
  const std::uint64_t closed = ended.get();
  const std::uint64_t opened = began();
  return opened > closed ? opened - closed : 0;
}

std::uint64_t still_open(const Count& began, const Count& ended) {
  return still_open([&began] { return began.get(); }, ended);
}

}  // namespace

std::uint64_t open_connections(const NodeCounts& counts) {
  return counts.sum(
      [](const NodeShare& share) { return still_open(share.connections_opened, share.connections_closed); });
}

std::uint64_t open_connections(const ListenerCounts& counts) {
  return counts.sum([](const ListenerShare& share) { return still_open(share.accepted, share.closed); });
}

std::uint64_t open_tunnels(const NodeCounts& counts) {
  return counts.sum([](const NodeShare& share) {
    return still_open([&share] { return share.answers.get(1); }, share.tunnels_closed);
  });
}

}  // namespace weir::observe
