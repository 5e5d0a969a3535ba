#include "proxy/server/pid_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fmt/format.h>

#include "proxy/epoll/descriptor.h"

namespace weir::server {
namespace {

std::string own_line() {
  return fmt::format("{}\n", ::getpid());
}

bool is_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

// Opening a pipe would wait for its reader, and only a file is emptied.
bool names_this_process(const std::string& path) {
  const epoll::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file || !is_file(file.get())) return false;
  const std::string line = own_line();
  std::string found(line.size() + 1, '\0');
  const ssize_t size = ::read(file.get(), found.data(), found.size());
  return size == static_cast<ssize_t>(line.size()) && found.starts_with(line);
}

// "": it has been written.
std::string write_line(const std::string& path) {
  const epoll::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644));
  if (file && !is_file(file.get())) return "it is not a file";
  const std::string line = own_line();
  if (!file || ::ftruncate(file.get(), 0) != 0 ||
      ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    return std::strerror(errno);
  return "";
}

// Where the folder is not Weir's to write in, or the path is a link that is to stay, the file itself is.
std::string replace(const std::string& path) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) return write_line(path);
  const std::string beside = fmt::format("{}.{}", path, ::getpid());
  if (!write_line(beside).empty()) {
    ::unlink(beside.c_str());
    return write_line(path);
  }
  if (::rename(beside.c_str(), path.c_str()) == 0) return "";
  std::string why = std::strerror(errno);
  ::unlink(beside.c_str());
  return why;
}

}  // namespace

base::Result<std::unique_ptr<PidFile>, std::string> PidFile::write(const std::string& path) {
  std::unique_ptr<PidFile> file(new PidFile(path));
  if (const auto written = file->renew(); !written) return base::unexpected(written.error());
  return file;
}

base::Result<void, std::string> PidFile::renew() const {
  if (names_this_process(path_)) return {};
  if (const std::string why = replace(path_); !why.empty())
    return base::unexpected(fmt::format("cannot write the pid file {}: {}", path_, why));
  return {};
}

PidFile::~PidFile() {
  if (names_this_process(path_)) ::unlink(path_.c_str());
}

}  // namespace weir::server
