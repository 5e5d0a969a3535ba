// Short messages with descriptors, between two processes of one machine, over a pair of sockets that keeps
// messages apart. Nothing here blocks unless it says so, and every descriptor is closed on exec.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "proxy/epoll/descriptor.h"

namespace weir::epoll {

inline constexpr std::size_t kLongestMessage = 4096;
// The kernel takes 253 in one message, and so many on their way as the sender may have open.
inline constexpr std::size_t kMostPassed = 64;

struct Message {
  std::string text;
  std::vector<Descriptor> descriptors;
};

struct MessagePair {
  Descriptor ours, theirs;
};

// The error is in words.
base::Result<MessagePair, std::string> open_message_pair();
// False: there is nobody at the other end, or it has not taken what was sent before. A text that is too long
// is cut, and is not empty.
[[nodiscard]] bool send_message(int fd, std::string_view text, std::span<const int> descriptors = {});
// Why no message came: there is none now, or there will be none, since the other end has gone.
enum class NoMessage : std::uint8_t { yet, any_more };
base::Result<Message, NoMessage> receive_message(int fd);
// Blocks; after `patience` there is none.
base::Result<Message, NoMessage> await_message(int fd, base::Duration patience);

}  // namespace weir::epoll
