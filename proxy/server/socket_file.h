// The file of a unix socket that is listened on. It is unlinked when nobody here listens there any more, if
// it is this process's by then: over an upgrade it belongs to the process before or to the one after. Control
// thread only.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

namespace weir::server {

class SocketFile {
 public:
  enum class Owner : std::uint8_t { this_process, another };

  SocketFile(std::string path, Owner owner) : path_(std::move(path)), owner_(owner) {}
  ~SocketFile() {
    if (owner_ == Owner::this_process) ::unlink(path_.c_str());
  }
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;

  void set_owner(Owner owner) { owner_ = owner; }

 private:
  const std::string path_;
  Owner owner_;
};

}  // namespace weir::server
