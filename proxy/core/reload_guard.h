// Watches a configuration for the first time that it is in force, and says when it does badly: pool by pool,
// by the share of nodes that may take requests and by what clients are answered, against how the pools stood
// before. To know that, it looks at them each second at all times. It changes nothing itself. Owned by the
// supervisor; control thread only.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/core/snapshot.h"
#include "proxy/io/runtime.h"
#include "proxy/policy/reload_verdict.h"

namespace weir::core {

class ReloadGuardOwner {
 public:
  // Each comes in a task or timer of its own; one of them once after each begin(), unless trust()
  // or another begin() comes before.
  virtual void on_guard_over() = 0;  // all went well
  virtual void on_guard_failed(const std::string& why) = 0;

 protected:
  ~ReloadGuardOwner() = default;
};

using PoolStandings = std::map<std::string, policy::PoolStanding>;  // by pool

class ReloadGuard final : io::TimerHandler {
 public:
  static constexpr base::Duration kUsualEach = std::chrono::seconds(1);
  static constexpr base::Duration kLookEach = std::chrono::milliseconds(100);

  ReloadGuard(io::Runtime& runtime, ReloadGuardOwner& owner)
      : runtime_(runtime), owner_(owner), timer_(runtime.timers(), *this) {}
  ReloadGuard(const ReloadGuard&) = delete;
  ReloadGuard& operator=(const ReloadGuard&) = delete;

  // The configuration is the same, and this its snapshot by now; whether it is watched does not change.
  void use(std::shared_ptr<const Snapshot> snapshot);
  // It is another configuration, that nobody doubts: nothing is watched any more.
  void trust(std::shared_ptr<const Snapshot> snapshot);
  // It is another configuration, watched for its own `reload.guard`, by its own `min_healthy`; against how
  // things were before the first of those that are not over.
  void begin(std::shared_ptr<const Snapshot> snapshot);
  // How things have stood in the last ten seconds; and how they did in the process before, which counts as
  // long as this one has not been here for that long. After trust().
  PoolStandings standing() const;
  void remember(PoolStandings before) { remembered_ = std::move(before); }
  void stop();  // for good
  bool watching() const { return until_ != base::kNever; }

 private:
  // Of each pool, and of each route, in the snapshot's order.
  using Standings = std::vector<policy::PoolStanding>;
  struct Counted {
    std::uint64_t answers = 0, errors = 0;
  };
  using Counts = std::vector<Counted>;

  void on_timer() override;
  void look(policy::Moment moment);
  void note_usual();
  static Standings nodes_of(const Snapshot& snapshot);
  static Counts counts_of(const Snapshot& snapshot);
  static void add_answers(Standings& to, const Snapshot& snapshot, const Counts& since, const Counts& until);

  static constexpr std::size_t kSamples = 10;

  io::Runtime& runtime_;
  ReloadGuardOwner& owner_;
  io::Timer timer_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::array<Counts, kSamples> usual_;  // a ring, of this configuration's routes
  std::size_t samples_ = 0;             // taken so far
  Standings latest_;                    // as of the latest sample
  PoolStandings before_;                // while it watches
  PoolStandings remembered_;            // of the process before
  Counts begin_;
  base::Time until_ = base::kNever;
};

}  // namespace weir::core
