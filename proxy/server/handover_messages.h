// What two processes say to each other while one takes the other's place. The new one begins, and asks for
// one batch of descriptors after the other: the document's first, then the sockets in its order.
//
//   new: more                    old: descriptors, at most epoll::kMostPassed      as often as needed
//   new: ready                   old: yours
//   new: refused WHY                                                               and ends
#pragma once

#include <string_view>

namespace weir::server::handover_messages {

inline constexpr std::string_view kMore = "more";
inline constexpr std::string_view kDescriptors = "descriptors";
inline constexpr std::string_view kReady = "ready";
inline constexpr std::string_view kYours = "yours";
inline constexpr std::string_view kRefused = "refused ";

}  // namespace weir::server::handover_messages
