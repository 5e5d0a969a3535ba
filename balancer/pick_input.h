// What of a request decides which node gets it. A plain value; its views are the caller's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::balancer {

struct PickInput {
  std::uint64_t hash = 0;                   // of the request's key; only hashing strategies look at it
  std::span<const std::size_t> tried = {};  // indices of the nodes that this exchange has tried
  // When it is, in nanoseconds, for Node::begin_trial(); 0: this request tries no node out.
  std::int64_t now = 0;
  std::int64_t overdue = 0;          // likewise
  std::int64_t overdue_suspect = 0;  // where the node is a suspect

  bool was_tried(std::size_t index) const {
    return std::find(tried.begin(), tried.end(), index) != tried.end();
  }
};

}  // namespace weir::balancer
