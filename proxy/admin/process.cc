#include "proxy/admin/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace weir::admin {
namespace {

std::uint64_t entries_of(const char* folder) {
  DIR* directory = opendir(folder);
  if (!directory) return 0;
  std::uint64_t entries = 0;
  while (const dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') ++entries;
  closedir(directory);
  return entries;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t total = 0, resident = 0;
  if (std::ifstream("/proc/self/statm") >> total >> resident) {
    figures.virtual_bytes = total * page;
    figures.resident_bytes = resident * page;
  }
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    figures.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  const std::uint64_t descriptors = entries_of("/proc/self/fd");
  figures.open_descriptors = descriptors > 0 ? descriptors - 1 : 0;  // without the folder's own
  figures.threads = entries_of("/proc/self/task");
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.most_descriptors = limit.rlim_cur;
  return figures;
}

}  // namespace weir::admin
