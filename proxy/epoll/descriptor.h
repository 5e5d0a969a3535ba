// A file descriptor that closes with its holder, unless it is let go of. Movable; -1 is none.
#pragma once

#include <unistd.h>

#include <utility>

namespace weir::epoll {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.let_go()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    Descriptor before(std::exchange(fd_, other.let_go()));
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int let_go() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace weir::epoll
