#include "proxy/config/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "balancer/hash.h"
#include "proxy/config/read.h"

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

// The length of the UTF-8 sequence at `at`; 0: there is none (RFC 3629).
std::size_t sequence_size(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) >= 0xa0)) return 0;
    return 3;
  }
  if (first < 0xf0 || first > 0xf4 || !follows(1) || !follows(2) || !follows(3)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) >= 0x90)) return 0;
  return 4;
}

bool is_forbidden(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
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
    const std::size_t size = sequence_size(text, i);
    if (size == 0 || is_forbidden(text[i])) {
      report.error(at, "", size == 0 ? "is not UTF-8 text" : "holds a control character");
      return false;
    }
    if (text[i] == '\n') at = {at.line + 1, 0};
    ++at.column;
    i += size;
  }
  return true;
}

}  // namespace weir::config
