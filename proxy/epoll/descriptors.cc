#include "proxy/epoll/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>

namespace weir::epoll::descriptors {

namespace {

struct Count {
  std::atomic<std::int64_t> limit{0};
  std::atomic<std::int64_t> kept_back{0};
  std::atomic<std::int64_t> others{0};  // open, and no transport
  std::atomic<std::int64_t> transports{0};

  Count() { measure(); }

  void measure() {
    rlimit rule{};
    getrlimit(RLIMIT_NOFILE, &rule);
    const auto soft = static_cast<std::int64_t>(std::min<rlim_t>(rule.rlim_cur, INT32_MAX));
    limit.store(soft, std::memory_order_relaxed);
    kept_back.store(std::min(std::max<std::int64_t>(64, soft / 50), soft / 4), std::memory_order_relaxed);
    others.store(open_now() - transports.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

  static std::int64_t open_now() {
    std::int64_t entries = 0;
    if (DIR* directory = opendir("/proc/self/fd")) {
      while (readdir(directory) != nullptr) ++entries;
      closedir(directory);
    }
    return std::max<std::int64_t>(entries - 3, 3);  // without ".", ".." and the directory itself
  }
};

Count& count() {
  static Count the_count;
  return the_count;
}

}  // namespace

void raise_limit() {
  rlimit rule{};
  if (getrlimit(RLIMIT_NOFILE, &rule) == 0 && rule.rlim_cur < rule.rlim_max) {
    rule.rlim_cur = rule.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rule);
  }
  measure();
}

void measure() {
  count().measure();
}

void opened() {
  count().transports.fetch_add(1, std::memory_order_relaxed);
}

void closed() {
  count().transports.fetch_sub(1, std::memory_order_relaxed);
}

bool plenty() {
  return limit() - in_use() > count().kept_back.load(std::memory_order_relaxed);
}

bool more_than_last() {
  return limit() - in_use() > count().kept_back.load(std::memory_order_relaxed) / 4;
}

std::int64_t kept_back() {
  return count().kept_back.load(std::memory_order_relaxed);
}

std::int64_t limit() {
  return count().limit.load(std::memory_order_relaxed);
}

std::int64_t in_use() {
  return count().others.load(std::memory_order_relaxed) + count().transports.load(std::memory_order_relaxed);
}

}  // namespace weir::epoll::descriptors
