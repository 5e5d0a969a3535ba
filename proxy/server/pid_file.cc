#include "proxy/server/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

namespace weir::server {
namespace {

std::string own_line() {
  return fmt::format("{}\n", ::getpid());
}

bool is_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

base::Result<std::unique_ptr<PidFile>, std::string> PidFile::write(const std::string& path) {
  // Only a file is emptied, and opening a pipe would wait for its reader.
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
  const std::string line = own_line();
  std::string why;
  if (fd >= 0 && !is_file(fd))
    why = "it is not a file";
  else if (fd < 0 || ::ftruncate(fd, 0) != 0 ||
           ::write(fd, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    why = std::strerror(errno);
  if (fd >= 0) ::close(fd);
  if (!why.empty()) return base::unexpected(fmt::format("cannot write the pid file {}: {}", path, why));
  return std::unique_ptr<PidFile>(new PidFile(path));
}

PidFile::~PidFile() {
  const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return;
  const std::string line = own_line();
  std::string found(line.size() + 1, '\0');
  const ssize_t size = ::read(fd, found.data(), found.size());
  found.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  if (is_file(fd) && found == line) ::unlink(path_.c_str());
  ::close(fd);
}

}  // namespace weir::server
