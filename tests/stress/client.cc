#include "tests/stress/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <string_view>

namespace weir::stress {
namespace {

constexpr unsigned kPipelined = 4;

// Takes one answer with its Content-Length off the front of `held`. False: the connection has ended.
bool next_answer(int fd, std::string& held, std::string& head, std::string& body) {
  constexpr std::string_view kLength = "Content-Length: ";
  std::size_t end = std::string::npos, size = 0;
  for (;;) {
    end = held.find("\r\n\r\n");
    if (end != held.npos) {
      const std::size_t at = held.find(kLength);
      size = at < end ? std::stoul(held.substr(at + kLength.size(), 10)) : 0;
      if (held.size() >= end + 4 + size) break;
    }
    char bytes[4096];
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
    if (n <= 0) return false;
    held.append(bytes, static_cast<std::size_t>(n));
  }
  head = held.substr(0, end + 4);
  body = held.substr(end + 4, size);
  held.erase(0, end + 4 + size);
  return true;
}

}  // namespace

Client::Client(std::uint16_t port, unsigned number)
    : port_(port), number_(number), thread_([this] { run(); }) {}

Client::~Client() {
  end();
}

void Client::end() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void Client::run() {
  while (!ending_ && wrong_.empty()) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in weir{};
    weir.sin_family = AF_INET;
    weir.sin_port = htons(port_);
    weir.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&weir), sizeof weir) == 0)
      use_connection(fd);
    else
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // Weir is between two lives
    ::close(fd);
  }
}

void Client::use_connection(int fd) {
  std::string held, head, body;
  for (unsigned round = 0; round < 20 && !ending_; ++round) {
    const std::uint64_t first = asked_;
    std::string out;
    for (unsigned i = 0; i < kPipelined; ++i, ++asked_)
      out += (asked_ % 3 == 0 ? "POST /" : "GET /") + std::to_string(number_) + "/" + std::to_string(asked_) +
             " HTTP/1.1\r\nHost: stress.test\r\nContent-Length: 0\r\n\r\n";
    if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) return;
    if (first % 29 == 0) return;  // and leaves
    for (unsigned i = 0; i < kPipelined; ++i) {
      if (!next_answer(fd, held, head, body)) return;
      if (!head.starts_with("HTTP/1.1 ")) return void(wrong_ = "no HTTP: " + head);
      if (!head.starts_with("HTTP/1.1 200 ")) {
        ++refused_;
        if (head.find("Connection: close") != head.npos) return;
        continue;
      }
      const std::string own = "/" + std::to_string(number_) + "/" + std::to_string(first + i);
      if (body != own) return void(wrong_ = own + " was answered with " + body);
      ++answered_;
    }
  }
}

}  // namespace weir::stress
