// One app server address of a pool with its live load. A Node is shared by all threads through shared_ptr and
// survives reloads as long as its pool and address stay, so load and state are never lost with a rebuilt
// strategy. Everything that decides whether it may get work is one atomic word, so that a reader never sees
// half a change; setters replace it by compare-exchange and raise its generation. Whoever changes a word
// tells the workers "pool changed"; a Node itself notifies nobody, blocks nowhere and reads no clock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weir::balancer {

// The values are the bits of the word: in health and ejection the upper bit means "no new work".
enum class Operator : std::uint8_t { active = 0, drain = 1, down = 2 };
// awaited: checked, and not yet passed for the first time.
enum class Health : std::uint8_t { unknown = 0, up = 1, down = 2, awaited = 3 };
enum class Ejection : std::uint8_t { none = 0, probation = 1, ejected = 2 };
// What the node says of itself. drain: no new work; maint: nothing at all.
enum class Agent : std::uint8_t { up = 0, drain = 1, maint = 2 };

// Of what kind the verdict behind `down` or `ejected` is. hard: no connection comes about. soft: it is slow,
// or answers badly; where too few nodes are left without those that only soft verdicts bar, they are
// pardoned.
enum class Verdict : std::uint8_t { soft = 0, hard = 1 };
// What keeps work from a node, if anything does: soft verdicts alone, or more.
enum class Bar : std::uint8_t { none, soft, hard };

// As users read them. To them an awaited node is unknown.
std::string_view word(Operator state);
std::string_view word(Health state);
std::string_view word(Ejection state);
std::string_view word(Agent state);

struct NodeState {
  static constexpr std::uint32_t kFullShare = 10;
  static constexpr std::uint32_t kNoAgentWeight = 0;

  Operator operator_state = Operator::active;
  Health health = Health::unknown;
  Ejection ejection = Ejection::none;
  Agent agent = Agent::up;
  Verdict health_verdict = Verdict::hard;       // behind Health::down
  Verdict ejection_verdict = Verdict::hard;     // behind Ejection::ejected
  bool pardoned = false;                        // soft verdicts are disregarded
  bool suspect = false;                         // it owes answers, and is silent
  bool limited = false;                         // there is a limit of its in-flight count
  std::uint32_t weight = 1;                     // as listed: by the configuration, or by an operator
  bool weight_is_held = false;                  // an operator's, who outranks the agent
  std::uint32_t agent_weight = kNoAgentWeight;  // as the node says
  std::uint32_t share = kFullShare;             // of its weight, in tenths: less while it starts slowly
  std::uint32_t generation = 0;                 // raised at each change; wraps
  Bar bar() const;
  bool eligible() const { return bar() == Bar::none || (bar() == Bar::soft && pardoned); }
  bool is_out_by(Verdict verdict) const {
    return ejection == Ejection::ejected && ejection_verdict == verdict;
  }
  bool drains() const { return operator_state == Operator::drain || agent == Agent::drain; }
  std::uint32_t present_weight() const {
    return agent_weight == kNoAgentWeight || weight_is_held ? weight : agent_weight;
  }
  // It gets work where no other node is left, and single requests that try it out.
  bool held_back() const { return suspect || ejection == Ejection::probation; }
};

class alignas(64) Node {
 public:
  static constexpr std::uint32_t kMaxWeight = 65535;
  static constexpr std::uint32_t kMaxAgentWeight = 1000;

  // `key` names the node for good (its address as text): consistent hashing builds on it. Weights outside 1
  // to kMaxWeight are brought inside.
  explicit Node(std::string key, std::uint32_t weight = 1, Health health = Health::unknown);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& key() const { return key_; }
  NodeState state() const;
  std::uint32_t weight() const;  // present_weight()
  // Operator active, agent up, health up or unknown (and not awaited), not ejected; or pardoned of the latter
  // two.
  bool eligible() const { return (word_.load(std::memory_order_acquire) & kBarred) == 0; }
  // Eligible, and neither suspect nor on probation.
  bool trusted() const { return (word_.load(std::memory_order_acquire) & (kBarred | kHeldBack)) == 0; }

  // Each says whether it changed anything; if so the pool's workers are to be told.
  bool set_operator(Operator to);
  bool set_health(Health to, Verdict verdict = Verdict::hard);
  bool set_ejection(Ejection to, Verdict verdict = Verdict::hard);
  enum class Weight : bool { listed, held };
  bool set_weight(std::uint32_t to, Weight as = Weight::listed);
  // `weight`: at most kMaxAgentWeight.
  bool set_agent(Agent to, std::uint32_t weight = NodeState::kNoAgentWeight);
  bool set_share(std::uint32_t tenths);  // 1 to NodeState::kFullShare
  bool set_limit(std::uint64_t to);      // of attempts; kUnlimited: none
  // How many its connections take, if there may only be so many; the lesser of the two counts.
  bool set_capacity(std::uint64_t to);
  bool suspect();
  bool clear_of_suspicion();
  bool pardon();
  bool end_pardon();
  // Ejected by whoever is first to say so: true for that one alone. A hard verdict ranks above a soft one.
  bool eject(Verdict verdict);
  // Back to probation or none: true if it was ejected.
  bool readmit(Ejection to);
  // Probation passed.
  bool acquit();

  // A node that is held back is tried out by one request at a time: true if this one, at `now`, is to be
  // that. The next may follow when end_trial() says that it went well, or after kTrialTime. Times are
  // nanoseconds of one clock; a request that should not be a trial waits until others have let `overdue`
  // pass.
  static constexpr std::int64_t kTrialTime = 1'000'000'000;
  // For who would wait at a suspect, and cannot be helped there.
  static constexpr std::int64_t kSuspectTrialTime = 10 * kTrialTime;
  bool begin_trial(std::int64_t now, std::int64_t overdue);
  void end_trial(std::int64_t now) { next_trial_.store(now, std::memory_order_relaxed); }

  // Attempts that hold a Lease now, over all workers.
  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  static constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  bool has_room() const { return in_flight_.load(std::memory_order_seq_cst) < bound(); }

 private:
  friend class Lease;
  friend class Eligible;
  // Bits, lowest first: operator 2, health 2, ejection 2, agent 2, weight 16, two that follow from the others
  // (not eligible; held back), suspect, hard health, hard ejection, pardoned, weight is held, limited, what
  // is missing of the share 4, the agent's weight 10, generation 18.
  static constexpr std::uint64_t kBarred = std::uint64_t{1} << 24;
  static constexpr std::uint64_t kHeldBack = std::uint64_t{1} << 25;
  static constexpr std::uint64_t kSuspect = std::uint64_t{1} << 26;
  static constexpr std::uint64_t kLimited = std::uint64_t{1} << 31;

  std::uint64_t bound() const {
    return std::min(limit_.load(std::memory_order_seq_cst), capacity_.load(std::memory_order_seq_cst));
  }
  template <class F>
  bool change(F&& f);
  bool note_bound();

  std::atomic<std::uint64_t> word_;
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> limit_{kUnlimited}, capacity_{kUnlimited};
  std::atomic<std::int64_t> next_trial_{0};
  std::string key_;
};

// An attempt's share of a node's in-flight count, given back when the Lease dies, on whichever thread. It
// keeps the node alive. A default-constructed or moved-from Lease holds nothing.
class Lease {
 public:
  Lease() = default;
  explicit Lease(std::shared_ptr<Node> node);
  // For a node whose owner outlives the Lease: spares the shared count.
  explicit Lease(Node& node);
  // A Lease while fewer than `limit` are held over all workers, else nothing. The count never passes the
  // limit.
  static std::optional<Lease> try_acquire(std::shared_ptr<Node> node, std::uint64_t limit);
  // The same within the node's own limit, for a node whose owner outlives the Lease.
  static std::optional<Lease> try_acquire(Node& node);

  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { release(); }

  void release();
  Node* node() const { return node_.get(); }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  struct Counted {};  // the count was raised already
  Lease(std::shared_ptr<Node> node, Counted) : node_(std::move(node)) {}

  std::shared_ptr<Node> node_;
};

}  // namespace weir::balancer
