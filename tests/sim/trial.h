// One trial: the world, Weir and its peers, from the first connection until nothing is left. The same plan
// gives the same course, to the last event.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/sim/trial_book.h"

namespace weir::sim {

// What the network and the threads do on their own account, counted as faults too.
inline constexpr std::array<std::string_view, 4> kMischief = {"split reads", "short writes", "preemptions",
                                                              "late mails"};

// What happens to streams without being a fault of one request.
inline constexpr std::array<std::string_view, 4> kH2Troubles = {"beyond GOAWAY", "late settings",
                                                                "declined by Weir", "limits change"};

// Likewise of TLS.
inline constexpr std::array<std::string_view, 5> kTlsTroubles = {
    "resumed by a client", "resumed by Weir", "new keys", "late tickets", "other TLS terms"};

// Likewise of sticky sessions.
inline constexpr std::array<std::string_view, 3> kSessionTroubles = {"forged cookie", "session begins",
                                                                     "session moves"};

struct TrialResult {
  std::vector<std::string> violations;
  std::vector<std::string> trace;
  std::unordered_map<std::string_view, std::uint64_t> faults;
  TrialCells cells{};
  std::uint64_t requests = 0, answered = 0, refused = 0, cut = 0, lost = 0;
  std::uint64_t events = 0;
  std::uint64_t at_atomics = 0;  // preemptions in front of what is atomic
  std::uint64_t digest = 0;      // of the whole course
  base::Duration took{};         // on the virtual clock

  bool good() const { return violations.empty(); }
};

TrialResult run_trial(const TrialPlan& plan, TrialBook::Trace trace = TrialBook::Trace::off);

}  // namespace weir::sim
