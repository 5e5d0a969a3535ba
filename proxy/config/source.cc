#include "proxy/config/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "balancer/hash.h"
#include "proxy/config/read.h"
#include "proxy/config/utf8.h"

namespace weir::config {

namespace {

struct File {
  explicit File(const std::string& path) : fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd >= 0) close(fd);
  }
  int fd;
};

std::string too_big() {
  return fmt::format("is larger than {} MiB", kMaxFileBytes / (1024 * 1024));
}

}  // namespace

std::optional<std::string> load(const std::string& path, Report& report) {
  const auto fail = [&](const std::string& what) {
    report.error({}, "", what);
    return std::nullopt;
  };
  const File file(path);
  struct stat status;
  if (file.fd < 0 || fstat(file.fd, &status) != 0)
    return fail(std::string("can't be read: ") + std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return fail("is a directory; a file is wanted");
  std::string text;
  for (;;) {
    char chunk[64 * 1024];
    const ssize_t got = read(file.fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(std::string("can't be read: ") + std::strerror(errno));
    if (got == 0) return text;
    text.append(chunk, static_cast<std::size_t>(got));
    if (text.size() > kMaxFileBytes) return fail(too_big());
  }
}

std::string hash_of(std::string_view text) {
  return fmt::format("{:016x}", balancer::hash(text));
}

bool check_text(std::string_view text, Report& report) {
  if (text.size() > kMaxFileBytes) {
    report.error({}, "", too_big());
    return false;
  }
  Position at{1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = utf8_size(text, i);
    if (size == 0) {
      report.error(at, "", "is not UTF-8 text");
      return false;
    }
    const bool is_mark = i == 0 && text.starts_with(kByteOrderMark);
    if (!is_mark && must_be_escaped(code_point(text.substr(i, size)))) {
      report.error(at, "", "holds a control character");
      return false;
    }
    if (text[i] == '\n') at = {at.line + 1, 0};
    ++at.column;
    i += size;
  }
  return true;
}

}  // namespace weir::config
