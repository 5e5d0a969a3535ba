// Whether a failed attempt is followed by another, and where. A function of its arguments: nothing is counted
// here.
#pragma once

#include <cstdint>

#include "proxy/base/error.h"
#include "proxy/http/message.h"

namespace weir::policy {

struct FailedAttempt {
  base::Error error;
  http::Method method = http::Method::get;
  bool reused_connection = false;  // it had served a request before
  bool body_whole = true;          // every body byte received so far can be sent again
  std::uint32_t attempts = 1;      // attempts that reached a node, this one included
  std::uint32_t most_attempts = 3;
};

enum class Verdict : std::uint8_t {
  give_up,
  other_node,        // another node where there is one
  fresh_connection,  // the same node: its idle connection was at its end, which says nothing of the node
};

Verdict judge(const FailedAttempt& failed);

}  // namespace weir::policy
