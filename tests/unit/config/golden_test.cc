// The golden files of tests/config: good ones load, with the warnings of their .txt file if there is one; bad
// ones are refused with exactly the messages of theirs. WEIR_GOLDEN=write writes the .txt files anew, for
// review.
#include <cstdlib>
#include <fstream>

#include "tests/unit/catch.h"
#include "tests/unit/config/files.h"

using namespace weir::config;

namespace {

// Compares with the .txt file beside the YAML; an absent one stands for no message.
void compare(const std::filesystem::path& path, const Loaded& loaded) {
  std::filesystem::path golden = path;
  golden.replace_extension(".txt");
  const char* mode = std::getenv("WEIR_GOLDEN");
  if (mode != nullptr && std::string_view(mode) == "write" && !messages(loaded).empty())
    std::ofstream(golden, std::ios::binary) << messages(loaded);
  CHECK(messages(loaded) == contents(golden));
}

}  // namespace

TEST_CASE("good configurations load") {
  const auto files = yaml_files("good");
  CHECK(files.size() >= 15);
  for (const auto& path : files) {
    INFO(path.filename().string());
    const Loaded loaded = load(path);
    CHECK(loaded.config.has_value());
    compare(path, loaded);
  }
}

TEST_CASE("bad configurations are refused with every reason") {
  const auto files = yaml_files("bad");
  CHECK(files.size() >= 70);
  for (const auto& path : files) {
    INFO(path.filename().string());
    const Loaded loaded = load(path);
    CHECK_FALSE(loaded.config.has_value());
    CHECK_FALSE(loaded.diagnostics.empty());
    compare(path, loaded);
  }
}
