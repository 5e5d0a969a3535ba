// Runs every target on its corpus: FOLDER/TARGET/*. What was found once is not found again. `differential`
// also gets the requests of tests/corpus: what coverage chose to keep does not hold each of them, since a
// request that is refused for one reason reaches the same lines as one that is refused for another.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "proxy/base/log.h"
#include "tests/fuzz/target.h"
#include "tests/unit/codec/corpus.h"

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

// In pieces of one byte, of seven, and of 128.
int replay_requests(const weir::fuzz::Target& target) {
  const auto cases = weir::codec::read_corpus("requests");
  for (const auto& each : cases)
    for (const char piece : {'\x00', '\x06', '\x7f'}) target.run(piece + each.bytes);
  return static_cast<int>(cases.size());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: test_fuzz FOLDER\n"), 2;
  weir::base::detail::least_logged = static_cast<weir::base::LogLevel>(255);
  for (const weir::fuzz::Target* target : weir::fuzz::Target::all()) {
    const auto folder = std::filesystem::path(argv[1]) / target->name;
    int count = std::filesystem::is_directory(folder) ? replay(*target, folder) : 0;
    if (count > 0 && target->name == "differential") count += replay_requests(*target);
    std::printf("%-15s %d inputs\n", std::string(target->name).c_str(), count);
    if (count == 0) return std::fprintf(stderr, "there is no corpus in %s\n", folder.c_str()), 1;
  }
}
