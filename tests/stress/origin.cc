#include "tests/stress/origin.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "proxy/base/check.h"

namespace weir::stress {
namespace {

sockaddr_in address_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  WEIR_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return address;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// The next head, taken from `held`; "" once there will be none.
std::string next_head(int fd, std::string& held) {
  std::size_t end = 0;
  while ((end = held.find("\r\n\r\n")) == held.npos) {
    char bytes[4096];
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) return {};
    held.append(bytes, static_cast<std::size_t>(n));
  }
  std::string head = held.substr(0, end + 4);
  held.erase(0, end + 4);
  return head;
}

}  // namespace

Origin::Origin() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  WEIR_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&any), sizeof any) == 0);
  WEIR_CHECK(::listen(listener_, 1024) == 0);
  acceptor_ = std::thread([this] { accept(); });
}

Origin::~Origin() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

std::string Origin::address() const {
  return "127.0.0.1:" + std::to_string(ntohs(address_of(listener_).sin_port));
}

void Origin::accept() {
  for (int fd = 0; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    std::lock_guard lock(mutex_);
    open_.push_back(fd);
    threads_.emplace_back([this, fd] { serve(fd); });
  }
}

void Origin::serve(int fd) {
  std::string held;
  for (std::uint64_t number = 1;; ++number) {
    const std::string head = next_head(fd, held);
    if (head.empty()) break;
    const std::size_t begin = head.find(' ') + 1;
    const std::string path = head.substr(begin, head.find(' ', begin) - begin);
    const bool check = path == "/healthz";
    if (!check && number % 101 == 0) break;
    const bool fails = check && ill_;
    const std::string answer = std::string(fails ? "HTTP/1.1 500 Ill" : "HTTP/1.1 200 OK") +
                               "\r\nContent-Length: " + std::to_string(path.size()) + "\r\n\r\n" + path;
    if (!write_all(fd, answer)) break;
    ++served_;
    if (check || number % 53 == 0) break;
  }
  std::lock_guard lock(mutex_);
  std::erase(open_, fd);
  ::close(fd);
}

}  // namespace weir::stress
