#include "tests/sim/seed_list.h"

#include <charconv>
#include <fstream>
#include <limits>

namespace weir::sim {
namespace {

constexpr std::uint64_t kGreatest = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::optional<std::uint64_t> parse_seed(std::string_view text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size() || seed > kGreatest) return std::nullopt;
  return seed;
}

std::optional<SeedRange> parse_seed_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto first = parse_seed(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : parse_seed(text.substr(dots + 2));
  if (!first || !last || *last < *first) return std::nullopt;
  return SeedRange{*first, *last};
}

std::vector<std::uint64_t> read_seeds(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (const auto seed = parse_seed(std::string_view(line).substr(0, line.find(' '))))
      seeds.push_back(*seed);
  return seeds;
}

}  // namespace weir::sim
