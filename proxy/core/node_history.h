// What Weir remembers of one node for those who ask how it is: since when each of its words is what it is and
// why, its latest check, its latest transitions, and counts of checks. The control thread writes, any thread
// may read; the data path never comes here, so a short lock does no harm. Part of its Endpoint.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/time.h"

namespace weir::core {

enum class NodeWord : std::uint8_t {
  by_operator,
  health,
  ejection,
  weight,
  agent,
  tier,
  max_in_flight,
  max_connections
};

struct NodeTransition {
  std::int64_t wall_ms = 0;  // since 1970
  NodeWord word = NodeWord::health;
  std::string from;
  std::string to;
  std::string reason;
};

struct CheckRecord {
  std::int64_t wall_ms = 0;  // when it ended
  base::Duration took{};
  enum class Outcome : std::uint8_t { passed, failed } outcome = Outcome::passed;
  std::string text;  // what was seen, in words
};

class NodeHistory {
 public:
  static constexpr std::size_t kTransitions = 16;

  struct Since {
    std::int64_t wall_ms = 0;  // 0: always
    std::string reason;
  };
  struct View {
    Since by_operator, health, ejection, weight, agent;
    std::optional<CheckRecord> last_check;
    std::vector<NodeTransition> transitions;  // the latest ones, oldest first
  };

  // Of the weights that a node says of itself not every one is told.
  struct ToldWeight {
    std::uint32_t weight = 0;  // the latest that was; 0: that it says none
    base::Time next{};         // no other is told before; 0: none was yet
  };

  // Control thread.
  ToldWeight told_weight;
  void note_check(CheckRecord check);
  void note(NodeTransition transition);
  void note_since(NodeWord word, Since since);  // without a transition: it begins like this
  void begin(Since listed);                     // what nobody has noted of it is as it is since then
  void take_over(View view);                    // of the same node, as another process knew it

  // Any thread.
  View view() const;
  std::uint64_t checks_passed() const { return passed_.load(std::memory_order_relaxed); }
  std::uint64_t checks_failed() const { return failed_.load(std::memory_order_relaxed); }
  base::Duration checks_took() const {  // all of them together
    return base::Duration(took_ns_.load(std::memory_order_relaxed));
  }
  std::uint64_t went_up() const { return ups_.load(std::memory_order_relaxed); }
  std::uint64_t went_down() const { return downs_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> passed_{0}, failed_{0}, ups_{0}, downs_{0};
  std::atomic<std::int64_t> took_ns_{0};
  mutable std::mutex mutex_;    // guards what follows
  std::array<Since, 8> since_;  // by NodeWord
  std::optional<CheckRecord> last_check_;
  std::vector<NodeTransition> transitions_;
};

}  // namespace weir::core
