#include "proxy/base/replace_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

namespace weir::base {
namespace {

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ::fsync(fd) == 0;
}

}  // namespace

Result<void, std::string> replace_file(const std::string& path, std::string_view text, mode_t mode) {
  std::string beside = path + ".XXXXXX";
  const int fd = ::mkostemp(beside.data(), O_CLOEXEC);
  const bool written = fd >= 0 && ::fchmod(fd, mode) == 0 && write_all(fd, text);
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (written && std::rename(beside.c_str(), path.c_str()) == 0) return {};
  const std::string why = std::strerror(written ? errno : error);
  if (fd >= 0) ::unlink(beside.c_str());
  return unexpected(fmt::format("cannot write {}: {}", path, why));
}

}  // namespace weir::base
