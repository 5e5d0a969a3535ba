#include "proxy/config/replacement_file.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace weir::config {

namespace {

constexpr const char* kAccessList = "system.posix_acl_access";

std::vector<std::string> attributes(int file) {
  std::vector<char> names(64 * 1024);  // XATTR_LIST_MAX
  const ssize_t size = flistxattr(file, names.data(), names.size());
  std::vector<std::string> out;
  for (const char* name = names.data(); size > 0 && name < names.data() + size; name += out.back().size() + 1)
    out.emplace_back(name);
  return out;
}

// Labels of the system's are the system's business: a new file has got its own.
bool must_have(const std::string& name) {
  return name == kAccessList || name.starts_with("user.");
}

bool copy_attribute(int from, int to, const std::string& name) {
  std::vector<char> value(64 * 1024);  // XATTR_SIZE_MAX
  const ssize_t size = fgetxattr(from, name.c_str(), value.data(), value.size());
  return size >= 0 && fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(size), 0) == 0;
}

}  // namespace

ReplacementFile::ReplacementFile(const std::string& path)
    : original_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {
  std::string name = std::filesystem::path(path).parent_path() / ".weir-edit-XXXXXX";
  if (original_ >= 0 && fstat(original_, &status_) == 0) file_ = mkostemp(name.data(), O_CLOEXEC);
  error_ = errno;
  if (file_ >= 0) path_ = name;
}

ReplacementFile::~ReplacementFile() {
  if (!path_.empty()) unlink(path_.c_str());
  if (file_ >= 0) close(file_);
  if (original_ >= 0) close(original_);
}

std::string ReplacementFile::write(std::string_view text) {
  if (original_ < 0) return std::string("can't be read: ") + std::strerror(error_);
  if (file_ < 0)
    return std::string("is in a folder where no new file can be written (") + std::strerror(error_) + ")";
  if (!like_original())
    return std::string("has an owner, a group or attributes that a new file cannot be given (") +
           std::strerror(errno) + ")";
  if (!write_all(text) || fsync(file_) != 0) return std::string("can't be written: ") + std::strerror(errno);
  return {};
}

// The owner first: a change of it takes bits of the mode. The folder may have given the new file a list of
// its own.
bool ReplacementFile::like_original() {
  struct stat mine;
  if (fstat(file_, &mine) != 0) return false;
  if ((mine.st_uid != status_.st_uid || mine.st_gid != status_.st_gid) &&
      fchown(file_, status_.st_uid, status_.st_gid) != 0)
    return false;
  fremovexattr(file_, kAccessList);
  if (fchmod(file_, status_.st_mode & 07777) != 0) return false;
  for (const std::string& name : attributes(original_))
    if (!copy_attribute(original_, file_, name) && must_have(name)) return false;
  return true;
}

bool ReplacementFile::write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace weir::config
