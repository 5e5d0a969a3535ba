// Runs every target on its corpus: FOLDER/TARGET/*. What was found once is not found again.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "proxy/base/log.h"
#include "tests/fuzz/target.h"

namespace {

// How many inputs there were.
int replay(const weir::fuzz::Target& target, const std::filesystem::path& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    target.run(bytes);
    ++count;
  }
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: test_fuzz FOLDER\n"), 2;
  weir::base::detail::least_logged = static_cast<weir::base::LogLevel>(255);
  for (const weir::fuzz::Target* target : weir::fuzz::Target::all()) {
    const auto folder = std::filesystem::path(argv[1]) / target->name;
    const int count = std::filesystem::is_directory(folder) ? replay(*target, folder) : 0;
    std::printf("%-15s %d inputs\n", std::string(target->name).c_str(), count);
    if (count == 0) return std::fprintf(stderr, "there is no corpus in %s\n", folder.c_str()), 1;
  }
}
