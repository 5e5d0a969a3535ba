// How much memory the process may use before it counts as overloaded: what the configuration says, or what
// the machine lends it, and how much it uses. Any thread; reads files of the kernel's.
#pragma once

#include <cstdint>
#include <string>

namespace weir::server {

// The least memory that the control groups of this process allow (memory.max of version 2,
// memory.limit_in_bytes of version 1; those of the groups above count too); 0: they allow any. `proc` and
// `groups` stand for /proc and /sys/fs/cgroup.
std::uint64_t cgroup_memory_limit(const std::string& proc = "/proc",
                                  const std::string& groups = "/sys/fs/cgroup");

// In bytes, of what config::Config::memory_limit says; 0: none.
std::uint64_t memory_limit_in_force(std::uint64_t configured);

// What is resident of this process, in bytes.
class MemoryGauge {
 public:
  MemoryGauge();
  ~MemoryGauge();
  MemoryGauge(const MemoryGauge&) = delete;
  MemoryGauge& operator=(const MemoryGauge&) = delete;

  std::uint64_t used() const;

 private:
  const int fd_;
  const std::uint64_t page_;
};

}  // namespace weir::server
