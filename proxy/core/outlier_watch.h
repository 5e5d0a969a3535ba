// What the answers of the last seconds say of the nodes of a pool, compared with each other: who fails more
// than the rest, who is slower, and after what silence each is suspect. It looks once a second at what the
// workers count anyway, and in between at failures alone: of a node with much to do half a second says
// enough. Owned by the ejector; control thread only.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "health/outlier.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

class OutlierWatch {
 public:
  static constexpr base::Duration kGlance = std::chrono::milliseconds(250);
  static constexpr unsigned kGlances = 4;     // to a look
  static constexpr std::size_t kWindow = 10;  // looks: of failures

  // Nodes of these pools that are not on the list any more are forgotten.
  void watch(const Snapshot& snapshot);
  // The next glance at a pool, and every so often look: nodes that are found to do badly are ejected where
  // that is allowed.
  void glance(const SnapshotPool& pool, const config::Ejection& rules);
  void look(const SnapshotPool& pool, const config::Ejection& rules);
  // Over half of what its nodes that serve in full have answered of late, by the latest glances or looks, are
  // failures.
  bool mostly_fails(const SnapshotPool& pool) const;

 private:
  static constexpr int kSilenceFactor = 4;           // times its own p99
  static constexpr float kFading = 0.87F;            // of the answer times behind that, a look: half in five
  static constexpr float kParts = 16;                // of an answer, that are told apart
  static constexpr float kLeastKnown = 20;           // answers
  static constexpr std::uint64_t kLeastFailing = 5;  // likewise
  static constexpr int kLeastKeys = 3, kKeyShare = 4;  // one in so many of those that were asked for
  static constexpr std::size_t kTimedLooks = 4;        // of answer times; half of that where it is enough
  static constexpr std::size_t kShortWindow = 2;       // looks, and glances: of failures, too

  struct Seen {
    std::array<health::AnswerCounts, kWindow> counts{};  // totals, at the latest looks
    std::size_t looks = 0;
    std::array<health::AnswerCounts, kShortWindow> glanced{};  // totals, at the latest glances
    std::size_t glances = 0;
    health::AnswerCounts total;
    std::array<observe::Latency::Reading, kTimedLooks> times{};
    observe::Latency::Reading held_up{};  // of these, at the latest look
    std::array<float, observe::Latency::kBuckets> fading{};
    bool times_stand = false;             // nothing has come since the latest looks
    health::AnswerCounts recent, latest;  // of the window, and of the short one
    health::AnswerCounts glimpsed;        // of the glances
    std::array<observe::KeyBits, kShortWindow> keys{};
    health::AnswerTimes recent_times;
  };

  void look(Seen& seen, const Endpoint& endpoint);
  static void glance(Seen& seen, const Endpoint& endpoint);
  void eject_failing(const SnapshotPool& pool, const std::vector<health::AnswerCounts>& counts) const;
  void eject_slow(const SnapshotPool& pool, const std::vector<health::AnswerTimes>& times) const;
  enum class Fault : std::uint8_t { failed, slow };
  bool is_spread(const Endpoint& endpoint, Fault fault) const;
  static health::AnswerTimes times_between(const observe::Latency::Reading& from,
                                           const observe::Latency::Reading& to);
  static void look_at_times(Seen& seen, const observe::NodeCounts& counts);
  static base::Duration suspect_after(const Seen& seen, base::Duration before);

  std::unordered_map<const Endpoint*, Seen> nodes_;
};

}  // namespace weir::core
