#include "proxy/server/memory_limit.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "tests/unit/catch.h"

namespace weir::server {
namespace {

namespace fs = std::filesystem;

// Files as the kernel shows them.
struct Machine {
  Machine() {
    std::string name = (fs::temp_directory_path() / "weir-cgroup-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
  }
  ~Machine() { fs::remove_all(root); }
  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  std::uint64_t limit() const { return cgroup_memory_limit(root / "proc", root / "groups"); }
  fs::path root;
};

constexpr auto kSelf = "proc/self/cgroup";

}  // namespace

TEST_CASE("memory limits of control groups, version 2: the least one on the way up") {
  Machine machine;
  CHECK(machine.limit() == 0);
  machine.write(kSelf, "0::/system.slice/weir.service\n");
  CHECK(machine.limit() == 0);
  machine.write("groups/system.slice/weir.service/memory.max", "max\n");
  CHECK(machine.limit() == 0);
  machine.write("groups/system.slice/memory.max", "2147483648\n");
  CHECK(machine.limit() == 2147483648);
  machine.write("groups/system.slice/weir.service/memory.max", "1073741824\n");
  CHECK(machine.limit() == 1073741824);
  machine.write("groups/system.slice/memory.max", "536870912\n");
  CHECK(machine.limit() == 536870912);
}

TEST_CASE("memory limits of control groups, in a container: its own is the topmost that it sees") {
  Machine machine;
  machine.write(kSelf, "0::/\n");
  machine.write("groups/memory.max", "100663296\n");
  CHECK(machine.limit() == 100663296);
  machine.write(kSelf, "0::/docker/0123\n");  // as the host names it, and not to be found here
  CHECK(machine.limit() == 100663296);
}

TEST_CASE("memory limits of control groups, version 1") {
  Machine machine;
  machine.write(kSelf, "12:cpu,cpuacct:/a\n11:memory:/docker/0123\n1:name=systemd:/b\n0::/c\n");
  machine.write("groups/memory/docker/0123/memory.limit_in_bytes", "268435456\n");
  machine.write("groups/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(machine.limit() == 268435456);
  machine.write(kSelf, "4:hugetlb,memory:/\n");
  machine.write("groups/memory/memory.limit_in_bytes", "134217728\n");
  CHECK(machine.limit() == 134217728);
  machine.write(kSelf, "no line of that kind\n7:nomemory:/\n");
  CHECK(machine.limit() == 0);
}

TEST_CASE("the memory limit in force is what is said, if anything is") {
  CHECK(memory_limit_in_force(config::kUnlimited) == 0);
  CHECK(memory_limit_in_force(123'456'789) == 123'456'789);
}

TEST_CASE("what is resident grows with what is used") {
  const MemoryGauge gauge;
  const std::uint64_t before = gauge.used();
  REQUIRE(before > 0);
  constexpr std::size_t kMore = 64 << 20;
  const std::vector<char> more(kMore, 'x');
  CHECK(gauge.used() >= before + kMore / 2);
  CHECK(more.back() == 'x');
}

}  // namespace weir::server
