#include "tests/fuzz/target.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace weir::fuzz {
namespace {

std::vector<const Target*>& targets() {
  static std::vector<const Target*> all;
  return all;
}

}  // namespace

Target::Target(std::string_view its_name, void (*its_run)(std::string_view)) : name(its_name), run(its_run) {
  targets().push_back(this);
}

const std::vector<const Target*>& Target::all() {
  return targets();
}

const Target* Target::find(std::string_view name) {
  const auto found = std::find_if(targets().begin(), targets().end(),
                                  [name](const Target* each) { return each->name == name; });
  return found == targets().end() ? nullptr : *found;
}

void must(bool good, std::string_view what) {
  if (good) return;
  std::fprintf(stderr, "found: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

unsigned take_byte(std::string_view& bytes) {
  if (bytes.empty()) return 0;
  const auto byte = static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  return byte;
}

}  // namespace weir::fuzz
