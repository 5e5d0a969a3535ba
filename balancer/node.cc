#include "balancer/node.h"

#include <algorithm>
#include <utility>

namespace weir::balancer {
namespace {

constexpr unsigned kOperatorShift = 0;
constexpr unsigned kHealthShift = 2;
constexpr unsigned kEjectionShift = 4;
constexpr unsigned kWeightShift = 8;
constexpr unsigned kGenerationShift = 32;
constexpr std::uint64_t kStateMask = 3;
constexpr std::uint64_t kWeightMask = 0xffff;

std::uint64_t weight_bits(std::uint32_t weight) {
  return std::uint64_t{std::clamp<std::uint32_t>(weight, 1, Node::kMaxWeight)} << kWeightShift;
}

template <class State>
State state_of(std::uint64_t word, unsigned shift) {
  return static_cast<State>(word >> shift & kStateMask);
}

}  // namespace

std::string_view word(Operator state) {
  switch (state) {
    case Operator::active:
      return "active";
    case Operator::drain:
      return "drain";
    case Operator::down:
      break;
  }
  return "down";
}

std::string_view word(Health state) {
  switch (state) {
    case Health::up:
      return "up";
    case Health::down:
      return "down";
    case Health::unknown:
    case Health::awaited:
      break;
  }
  return "unknown";
}

std::string_view word(Ejection state) {
  switch (state) {
    case Ejection::none:
      return "none";
    case Ejection::probation:
      return "probation";
    case Ejection::ejected:
      break;
  }
  return "ejected";
}

bool NodeState::eligible() const {
  return operator_state == Operator::active && (health == Health::unknown || health == Health::up) &&
         ejection != Ejection::ejected;
}

Node::Node(std::string key, std::uint32_t weight, Health health)
    : word_(weight_bits(weight) | std::uint64_t{static_cast<std::uint8_t>(health)} << kHealthShift),
      key_(std::move(key)) {}

NodeState Node::state() const {
  const std::uint64_t word = word_.load(std::memory_order_acquire);
  return {.operator_state = state_of<Operator>(word, kOperatorShift),
          .health = state_of<Health>(word, kHealthShift),
          .ejection = state_of<Ejection>(word, kEjectionShift),
          .weight = static_cast<std::uint32_t>(word >> kWeightShift & kWeightMask),
          .generation = static_cast<std::uint32_t>(word >> kGenerationShift)};
}

std::uint32_t Node::weight() const {
  return state().weight;
}

bool Node::set_operator(Operator to) {
  return replace(kStateMask << kOperatorShift,
                 std::uint64_t{static_cast<std::uint8_t>(to)} << kOperatorShift);
}

bool Node::set_health(Health to) {
  return replace(kStateMask << kHealthShift, std::uint64_t{static_cast<std::uint8_t>(to)} << kHealthShift);
}

bool Node::set_ejection(Ejection to) {
  return replace(kStateMask << kEjectionShift,
                 std::uint64_t{static_cast<std::uint8_t>(to)} << kEjectionShift);
}

bool Node::set_weight(std::uint32_t to) {
  return replace(kWeightMask << kWeightShift, weight_bits(to));
}

bool Node::replace(std::uint64_t field, std::uint64_t value) {
  std::uint64_t seen = word_.load(std::memory_order_acquire);
  while ((seen & field) != value) {
    const std::uint64_t next = ((seen & ~field) | value) + (std::uint64_t{1} << kGenerationShift);
    if (word_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_acquire))
      return true;
  }
  return false;
}

// Taking and giving back is seq_cst because of who waits for a slot: a waiter queues itself and then looks at
// the count again, a leaver lowers the count and then looks for waiters. With a weaker order both may look
// before they see the other's write, and the wake-up is lost. On x86-64 the stronger order costs nothing
// here.
Lease::Lease(std::shared_ptr<Node> node) : node_(std::move(node)) {
  if (node_) node_->in_flight_.fetch_add(1, std::memory_order_seq_cst);
}

Lease::Lease(Node& node) : Lease(std::shared_ptr<Node>(std::shared_ptr<Node>(), &node)) {}

std::optional<Lease> Lease::try_acquire(std::shared_ptr<Node> node, std::uint64_t limit) {
  std::uint64_t held = node->in_flight_.load(std::memory_order_seq_cst);
  while (held < limit) {
    if (node->in_flight_.compare_exchange_weak(held, held + 1, std::memory_order_seq_cst)) {
      return Lease(std::move(node), Counted{});
    }
  }
  return std::nullopt;
}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    node_ = std::move(other.node_);
  }
  return *this;
}

void Lease::release() {
  if (!node_) return;
  node_->in_flight_.fetch_sub(1, std::memory_order_seq_cst);
  node_.reset();
}

}  // namespace weir::balancer
