// One app server address of a pool with its live load. A Node is shared by all threads through shared_ptr and
// survives reloads as long as its pool and address stay, so load and state are never lost with a rebuilt
// strategy. Everything that decides whether it may get work is one atomic word, so that a reader never sees
// half a change; setters replace it by compare-exchange and raise its generation. Whoever changes a word
// tells the workers "pool changed"; a Node itself notifies nobody, blocks nowhere and reads no clock.
#pragma once

#include <atomic>
#include <cstdint>
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

// As users read them. To them an awaited node is unknown.
std::string_view word(Operator state);
std::string_view word(Health state);
std::string_view word(Ejection state);

struct NodeState {
  Operator operator_state = Operator::active;
  Health health = Health::unknown;
  Ejection ejection = Ejection::none;
  std::uint32_t weight = 1;
  std::uint32_t generation = 0;  // raised at each change; wraps
  bool eligible() const;
};

class alignas(64) Node {
 public:
  static constexpr std::uint32_t kMaxWeight = 65535;

  // `key` names the node for good (its address as text): consistent hashing builds on it. Weights outside 1
  // to kMaxWeight are brought inside.
  explicit Node(std::string key, std::uint32_t weight = 1, Health health = Health::unknown);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& key() const { return key_; }
  NodeState state() const;
  std::uint32_t weight() const;
  // Operator active, health up or unknown (and not awaited), not ejected.
  bool eligible() const { return (word_.load(std::memory_order_acquire) & kBarredBits) == 0; }

  // Each says whether it changed anything; if so the pool's workers are to be told.
  bool set_operator(Operator to);
  bool set_health(Health to);
  bool set_ejection(Ejection to);
  bool set_weight(std::uint32_t to);

  // Attempts that hold a Lease now, over all workers.
  std::uint64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  friend class Lease;
  // Bits, lowest first: operator 2, health 2, ejection 2, two kept for the agent's word, weight 16, eight
  // kept, generation 32.
  static constexpr std::uint64_t kBarredBits = 0b10'10'11;

  bool replace(std::uint64_t field, std::uint64_t value);

  std::atomic<std::uint64_t> word_;
  std::atomic<std::uint64_t> in_flight_{0};
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
