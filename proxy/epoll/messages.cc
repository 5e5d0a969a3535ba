#include "proxy/epoll/messages.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "proxy/base/check.h"
#include "proxy/epoll/system_error.h"

namespace weir::epoll {
namespace {

using Control = std::array<std::byte, CMSG_SPACE(kMostPassed * sizeof(int))>;

void take_descriptors(msghdr& header, Message& message) {
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
      message.descriptors.emplace_back(fd);
    }
  }
}

}  // namespace

base::Result<MessagePair, std::string> open_message_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0)
    return base::unexpected(std::string(in_words(errno)));
  return MessagePair{Descriptor(fds[0]), Descriptor(fds[1])};
}

bool send_message(int fd, std::string_view text, std::span<const int> descriptors) {
  WEIR_CHECK(!text.empty() && descriptors.size() <= kMostPassed);
  std::string sent(text.substr(0, kLongestMessage));
  iovec piece{sent.data(), sent.size()};
  alignas(cmsghdr) Control control{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(item), descriptors.data(), descriptors.size_bytes());
  }
  return ::sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

base::Result<Message, NoMessage> receive_message(int fd) {
  std::array<char, kLongestMessage> text{};
  iovec piece{text.data(), text.size()};
  alignas(cmsghdr) Control control{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size = -1;
  do size = ::recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  while (size < 0 && errno == EINTR);
  if (size < 0 && errno == EAGAIN) return base::unexpected(NoMessage::yet);
  if (size <= 0) return base::unexpected(NoMessage::any_more);
  Message message;
  message.text.assign(text.data(), static_cast<std::size_t>(size));
  take_descriptors(header, message);
  return message;
}

base::Result<Message, NoMessage> await_message(int fd, base::Duration patience) {
  pollfd item{fd, POLLIN, 0};
  const auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(patience);
  if (::poll(&item, 1, static_cast<int>(wait.count())) <= 0) return base::unexpected(NoMessage::yet);
  return receive_message(fd);
}

}  // namespace weir::epoll
