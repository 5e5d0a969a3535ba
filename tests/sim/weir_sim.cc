// weir-sim: Weir's core among hostile peers in a simulated world, seed by seed.
//
//   weir-sim --seed 7                   replays one and prints its course
//   weir-sim --seeds 1..20000 --jobs 2  runs many; exit status 1 if one fails, with its course made small
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>

#include "tests/sim/shrink.h"
#include "tests/sim/trial_totals.h"

namespace weir::sim {
namespace {

// So many seeds reach every cell of the exchanges' table.
constexpr std::uint64_t kReachAll = 1'000;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

struct Range {
  std::uint64_t first = 1, last = 0;  // empty
};

std::optional<Range> parse_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto first = parse_number(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : parse_number(text.substr(dots + 2));
  if (!first || !last || *last < *first || *last == TrialTotals::kNone) return std::nullopt;
  return Range{*first, *last};
}

// The first word of each line that is a number.
std::vector<std::uint64_t> read_seeds(const std::string& path) {
  std::vector<std::uint64_t> seeds;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (const auto seed = parse_number(std::string_view(line).substr(0, line.find(' '))))
      seeds.push_back(*seed);
  return seeds;
}

void print_course(const TrialResult& result) {
  for (const std::string& line : result.trace) fmt::print("{}\n", line);
  for (const std::string& violation : result.violations) fmt::print("broken: {}\n", violation);
}

int replay(std::uint64_t seed, Profile profile) {
  const TrialResult result = run_trial(make_plan(seed, profile), TrialBook::Trace::on);
  print_course(result);
  fmt::print(
      "seed {}: {}; {} requests: {} answered by nodes, {} by Weir, {} cut, {} lost; {} events, digest "
      "{:016x}\n",
      seed, result.good() ? "good" : "FAILED", result.requests, result.answered, result.refused, result.cut,
      result.lost, result.events, result.digest);
  return result.good() ? 0 : 1;
}

int run(const std::vector<std::uint64_t>& seeds, Profile profile, unsigned jobs) {
  TrialTotals totals;
  std::atomic<std::size_t> next{0};
  const auto begin = std::chrono::steady_clock::now();
  const auto work = [&] {
    for (std::size_t i = next++; i < seeds.size() && totals.failed() == TrialTotals::kNone; i = next++)
      totals.add(seeds[i], run_trial(make_plan(seeds[i], profile)));
  };
  std::vector<std::jthread> others;
  for (unsigned i = 1; i < jobs; ++i) others.emplace_back(work);
  work();
  others.clear();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  int status = 0;
  if (profile == Profile::hostile) fmt::print("{}", totals.cells_text());
  if (const std::uint64_t seed = totals.failed(); seed != TrialTotals::kNone) {
    fmt::print("seed {} FAILED; made small:\n", seed);
    print_course(run_trial(shrink(make_plan(seed, profile)), TrialBook::Trace::on));
    status = 1;
  } else if (profile == Profile::hostile && seeds.size() >= kReachAll) {
    for (const std::string& cell : totals.wrong_cells()) {
      fmt::print("FAILED: the cell '{}' was never reached, or cannot be and was\n", cell);
      status = 1;
    }
  }
  fmt::print("{}\n", totals.text(took.count(), static_cast<double>(std::clock()) / CLOCKS_PER_SEC));
  return status;
}

}  // namespace
}  // namespace weir::sim

int main(int argc, char** argv) {
  using namespace weir::sim;
  CLI::App app("Weir's core among hostile peers in a simulated world, seed by seed.");
  std::optional<std::uint64_t> seed;
  std::string seeds, file, profile = "hostile";
  unsigned jobs = 1;
  app.add_option("--seed", seed, "replays one seed and prints its course");
  app.add_option("--seeds", seeds, "runs a range, A..B (default 1..1000)");
  app.add_option("--file", file, "runs the seeds at the beginnings of a file's lines first");
  app.add_option("--profile", profile, "hostile | calm")->check(CLI::IsMember({"hostile", "calm"}));
  app.add_option("-j,--jobs", jobs, "threads")->check(CLI::Range(1U, 64U));
  CLI11_PARSE(app, argc, argv);
  const Profile chosen = profile == "calm" ? Profile::calm : Profile::hostile;
  if (seed) return replay(*seed, chosen);
  const auto range = parse_range(seeds.empty() ? "1..1000" : seeds);
  if (!range) {
    fmt::print(stderr, "weir-sim: --seeds takes A..B, such as 1..1000\n");
    return 2;
  }
  std::vector<std::uint64_t> all = read_seeds(file);
  for (std::uint64_t each = range->first; each <= range->last; ++each) all.push_back(each);
  return run(all, chosen, jobs);
}
