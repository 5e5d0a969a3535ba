// weir-sim: Weir's core among hostile peers in a simulated world, seed by seed.
//
//   weir-sim --seed 7                   replays one and prints its course
//   weir-sim --seeds 1..1000 --jobs 2  runs many; exit status 1 if one fails, with its course made small
//
// Whatever is wrong with the command itself is one line on stderr and exit status 2.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>

#include "tests/sim/seed_list.h"
#include "tests/sim/shrink.h"
#include "tests/sim/trial_totals.h"

namespace weir::sim {
namespace {

// So many seeds reach every cell of the exchanges' table, and meet every kind of fault.
constexpr std::uint64_t kReachAll = 1'000;

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

int run(const SeedList& seeds, Profile profile, unsigned jobs) {
  TrialTotals totals;
  std::atomic<std::uint64_t> next{0};
  const auto begin = std::chrono::steady_clock::now();
  const auto work = [&] {
    for (std::uint64_t i = next++; i < seeds.count() && totals.failed() == TrialTotals::kNone; i = next++)
      totals.add(seeds.at(i), run_trial(make_plan(seeds.at(i), profile)));
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
    const TrialPlan plan = make_plan(seed, profile);
    const TrialResult first = run_trial(plan);
    fmt::print("broken at first: {}\n", first.violations.front());
    print_course(run_trial(shrink(plan, first.violations.front()), TrialBook::Trace::on));
    status = 1;
  } else if (profile == Profile::hostile && seeds.count() >= kReachAll) {
    for (const std::string& cell : totals.wrong_cells()) {
      fmt::print("FAILED: the cell '{}' was never reached, or cannot be and was\n", cell);
      status = 1;
    }
    for (const std::string& fault : totals.unseen_faults()) {
      fmt::print("FAILED: the fault '{}' never struck\n", fault);
      status = 1;
    }
  }
#ifdef WEIR_ATOMIC_STEPS
  if (totals.at_atomics() == 0) {
    fmt::print("FAILED: no atomic operation was a step\n");
    status = 1;
  }
#endif
  fmt::print("{}\n", totals.text(took.count(), static_cast<double>(std::clock()) / CLOCKS_PER_SEC));
  return status;
}

// What the command asks for. CLI11 would read -1 as the greatest number there is, so seeds come as text.
struct Order {
  std::string seed, seeds = "1..1000", file, profile = "hostile";
  unsigned jobs = 1;
};

void describe(CLI::App& app, Order& order) {
  const auto is_seed = [](const std::string& text) {
    return parse_seed(text) ? "" : "takes a number from 0 on, not '" + text + "'";
  };
  const auto is_range = [](const std::string& text) {
    return parse_seed_range(text) ? "" : "takes A..B, such as 1..1000, or one number, not '" + text + "'";
  };
  const auto has_seeds = [](const std::string& path) {
    if (std::FILE* file = std::fopen(path.c_str(), "r"); !file || std::fclose(file) != 0)
      return "cannot read '" + path + "'";
    return read_seeds(path).empty() ? "'" + path + "' has no seeds" : "";
  };
  CLI::Option* seed = app.add_option("--seed", order.seed, "replays one seed and prints its course");
  CLI::Option* seeds =
      app.add_option("--seeds", order.seeds, "runs a range, A..B, or one, as in --seeds 7 (default 1..1000)");
  CLI::Option* file =
      app.add_option("--file", order.file, "runs the seeds at the beginnings of a file's lines first");
  seed->check(is_seed)->excludes(seeds)->excludes(file);
  seeds->check(is_range);
  file->check(has_seeds);
  app.add_option("--profile", order.profile, "hostile | calm")->check(CLI::IsMember({"hostile", "calm"}));
  app.add_option("-j,--jobs", order.jobs, "threads, 1 to 64")->check(CLI::Range(1U, 64U));
  app.footer(
      "A run of a thousand hostile seeds or more also fails where a cell of the exchange's table was never "
      "reached,\nor a kind of fault never struck.\n"
      "Exit status: 0 all good, 1 a seed failed or such a run missed something, 2 the command makes no "
      "sense.");
}

int carry_out(const Order& order) {
  const Profile profile = order.profile == "calm" ? Profile::calm : Profile::hostile;
  if (!order.seed.empty()) return replay(*parse_seed(order.seed), profile);
  std::vector<std::uint64_t> kept;
  if (!order.file.empty()) kept = read_seeds(order.file);
  return run(SeedList(std::move(kept), *parse_seed_range(order.seeds)), profile, order.jobs);
}

}  // namespace
}  // namespace weir::sim

int main(int argc, char** argv) {
  CLI::App app("Weir's core among hostile peers in a simulated world, seed by seed.");
  weir::sim::Order order;
  weir::sim::describe(app, order);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "weir-sim: {}\n", error.what());
    return 2;
  }
  return weir::sim::carry_out(order);
}
