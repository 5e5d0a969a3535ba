#include "proxy/server/memory_limit.h"

#include <fmt/format.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <string_view>

#include "proxy/config/config.h"

namespace weir::server {
namespace {

constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kAutoPercent = 90;

// "max", and what is no number, are no limit.
std::uint64_t number_in(const std::string& path) {
  std::uint64_t number = kNone;
  return std::ifstream(path) >> number ? number : kNone;
}

// Of the group at `path` and those above it; inside a container only the last of them may be there.
std::uint64_t least_of(const std::string& mount, std::string path, const std::string& file) {
  std::uint64_t least = kNone;
  for (;;) {
    least = std::min(least, number_in(fmt::format("{}{}/{}", mount, path, file)));
    if (path.empty()) return least;
    path.resize(path.rfind('/') == path.npos ? 0 : path.rfind('/'));
  }
}

bool names_memory(std::string_view controllers) {
  for (std::size_t from = 0; from <= controllers.size();) {
    const std::size_t to = std::min(controllers.find(',', from), controllers.size());
    if (controllers.substr(from, to - from) == "memory") return true;
    from = to + 1;
  }
  return false;
}

}  // namespace

// Each line is NUMBER:CONTROLLERS:PATH; the one of version 2 names no controllers.
std::uint64_t cgroup_memory_limit(const std::string& proc, const std::string& groups) {
  std::uint64_t least = kNone;
  std::ifstream lines(proc + "/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = std::string_view(line).substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (controllers.empty()) least = std::min(least, least_of(groups, path, "memory.max"));
    if (names_memory(controllers))
      least = std::min(least, least_of(groups + "/memory", path, "memory.limit_in_bytes"));
  }
  return least == kNone ? 0 : least;
}

std::uint64_t memory_limit_in_force(std::uint64_t configured) {
  if (configured == config::kUnlimited) return 0;
  if (configured != config::kAutoMemory) return configured;
  const std::uint64_t group = cgroup_memory_limit();
  const auto machine =
      static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return group > 0 && group < machine ? group / 100 * kAutoPercent : 0;
}

MemoryGauge::MemoryGauge()
    : fd_(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC)),
      page_(static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))) {}

MemoryGauge::~MemoryGauge() {
  if (fd_ >= 0) ::close(fd_);
}

// Its second number, in pages.
std::uint64_t MemoryGauge::used() const {
  char text[128];
  const ssize_t size = ::pread(fd_, text, sizeof text, 0);
  if (size <= 0) return 0;
  const std::string_view line(text, static_cast<std::size_t>(size));
  const std::size_t blank = line.find(' ');
  std::uint64_t pages = 0;
  if (blank != line.npos) std::from_chars(text + blank + 1, text + size, pages);
  return pages * page_;
}

}  // namespace weir::server
