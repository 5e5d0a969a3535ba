#include "balancer/node.h"

#include <algorithm>
#include <utility>

namespace weir::balancer {
namespace {

constexpr unsigned kOperatorShift = 0;
constexpr unsigned kHealthShift = 2;
constexpr unsigned kEjectionShift = 4;
constexpr unsigned kAgentShift = 6;
constexpr unsigned kWeightShift = 8;
constexpr unsigned kBarredShift = 24;
constexpr unsigned kHeldBackShift = 25;
constexpr unsigned kSuspectShift = 26;
constexpr unsigned kHealthVerdictShift = 27;
constexpr unsigned kEjectionVerdictShift = 28;
constexpr unsigned kPardonShift = 29;
constexpr unsigned kHeldWeightShift = 30;
constexpr unsigned kLimitedShift = 31;
constexpr unsigned kMissingShareShift = 32;
constexpr unsigned kAgentWeightShift = 36;
constexpr unsigned kGenerationShift = 46;
constexpr std::uint64_t kStateMask = 3;
constexpr std::uint64_t kWeightMask = 0xffff;
constexpr std::uint64_t kShareMask = 0xf;
constexpr std::uint64_t kAgentWeightMask = 0x3ff;

template <class State>
State state_of(std::uint64_t word, unsigned shift) {
  return static_cast<State>(word >> shift & kStateMask);
}

bool flag_of(std::uint64_t word, unsigned shift) {
  return (word >> shift & 1) != 0;
}

template <class Field>
std::uint64_t bits(Field value, unsigned shift) {
  return static_cast<std::uint64_t>(value) << shift;
}

// Without the generation.
std::uint64_t packed(const NodeState& state) {
  const std::uint32_t weight = std::clamp<std::uint32_t>(state.weight, 1, Node::kMaxWeight);
  const std::uint32_t share = std::clamp<std::uint32_t>(state.share, 1, NodeState::kFullShare);
  const std::uint32_t agent_weight = std::min(state.agent_weight, Node::kMaxAgentWeight);
  return bits(state.operator_state, kOperatorShift) | bits(state.health, kHealthShift) |
         bits(state.ejection, kEjectionShift) | bits(state.agent, kAgentShift) | bits(weight, kWeightShift) |
         bits(state.weight_is_held, kHeldWeightShift) | bits(agent_weight, kAgentWeightShift) |
         bits(!state.eligible(), kBarredShift) | bits(state.held_back(), kHeldBackShift) |
         bits(state.suspect, kSuspectShift) | bits(state.health_verdict, kHealthVerdictShift) |
         bits(state.ejection_verdict, kEjectionVerdictShift) | bits(state.pardoned, kPardonShift) |
         bits(state.limited, kLimitedShift) | bits(NodeState::kFullShare - share, kMissingShareShift);
}

NodeState unpacked(std::uint64_t word) {
  return {
      .operator_state = state_of<Operator>(word, kOperatorShift),
      .health = state_of<Health>(word, kHealthShift),
      .ejection = state_of<Ejection>(word, kEjectionShift),
      .agent = state_of<Agent>(word, kAgentShift),
      .health_verdict = flag_of(word, kHealthVerdictShift) ? Verdict::hard : Verdict::soft,
      .ejection_verdict = flag_of(word, kEjectionVerdictShift) ? Verdict::hard : Verdict::soft,
      .pardoned = flag_of(word, kPardonShift),
      .suspect = flag_of(word, kSuspectShift),
      .limited = flag_of(word, kLimitedShift),
      .weight = static_cast<std::uint32_t>(word >> kWeightShift & kWeightMask),
      .weight_is_held = flag_of(word, kHeldWeightShift),
      .agent_weight = static_cast<std::uint32_t>(word >> kAgentWeightShift & kAgentWeightMask),
      .share = NodeState::kFullShare - static_cast<std::uint32_t>(word >> kMissingShareShift & kShareMask),
      .generation = static_cast<std::uint32_t>(word >> kGenerationShift)};
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

std::string_view word(Agent state) {
  switch (state) {
    case Agent::up:
      return "up";
    case Agent::drain:
      return "drain";
    case Agent::maint:
      break;
  }
  return "maint";
}

Bar NodeState::bar() const {
  const bool down = health == Health::down, ejected = ejection == Ejection::ejected;
  if (operator_state != Operator::active || agent != Agent::up || health == Health::awaited ||
      (down && health_verdict == Verdict::hard) || (ejected && ejection_verdict == Verdict::hard))
    return Bar::hard;
  return down || ejected ? Bar::soft : Bar::none;
}

Node::Node(std::string key, std::uint32_t weight, Health health)
    : word_(packed({.health = health, .weight = weight})), key_(std::move(key)) {}

NodeState Node::state() const {
  return unpacked(word_.load(std::memory_order_acquire));
}

std::uint32_t Node::weight() const {
  return state().present_weight();
}

bool Node::set_operator(Operator to) {
  return change([to](NodeState& state) { state.operator_state = to; });
}

bool Node::set_health(Health to, Verdict verdict) {
  return change([to, verdict](NodeState& state) {
    state.health = to;
    state.health_verdict = to == Health::down ? verdict : Verdict::hard;
  });
}

bool Node::set_ejection(Ejection to, Verdict verdict) {
  return change([to, verdict](NodeState& state) {
    state.ejection = to;
    state.ejection_verdict = to == Ejection::ejected ? verdict : Verdict::hard;
  });
}

bool Node::set_weight(std::uint32_t to, Weight as) {
  return change([to, as](NodeState& state) {
    state.weight = to;
    state.weight_is_held = as == Weight::held;
  });
}

bool Node::set_agent(Agent to, std::uint32_t weight) {
  return change([to, weight](NodeState& state) {
    state.agent = to;
    state.agent_weight = weight;
  });
}

bool Node::set_share(std::uint32_t tenths) {
  return change([tenths](NodeState& state) { state.share = tenths; });
}

bool Node::set_limit(std::uint64_t to) {
  const bool changed = limit_.exchange(to, std::memory_order_seq_cst) != to;
  return note_bound() || changed;
}

bool Node::set_capacity(std::uint64_t to) {
  const bool changed = capacity_.exchange(to, std::memory_order_seq_cst) != to;
  return note_bound() || changed;
}

// Another one may set the other bound meanwhile, and have found nothing to change.
bool Node::note_bound() {
  bool changed = false;
  do {
    changed |= change([this](NodeState& state) { state.limited = bound() != kUnlimited; });
  } while (state().limited != (bound() != kUnlimited));
  return changed;
}

bool Node::suspect() {
  return change([](NodeState& state) { state.suspect = true; });
}

bool Node::clear_of_suspicion() {
  return change([](NodeState& state) { state.suspect = false; });
}

bool Node::pardon() {
  return change([](NodeState& state) { state.pardoned = true; });
}

bool Node::end_pardon() {
  return change([](NodeState& state) { state.pardoned = false; });
}

bool Node::eject(Verdict verdict) {
  bool first = false;
  change([&](NodeState& state) {
    first = state.ejection != Ejection::ejected;
    if (first || verdict == Verdict::hard) state.ejection_verdict = verdict;
    state.ejection = Ejection::ejected;
  });
  return first;
}

bool Node::readmit(Ejection to) {
  bool was_ejected = false;
  change([&](NodeState& state) {
    was_ejected = state.ejection == Ejection::ejected;
    if (!was_ejected) return;
    state.ejection = to;
    state.ejection_verdict = Verdict::hard;
  });
  return was_ejected;
}

bool Node::acquit() {
  return change([](NodeState& state) {
    if (state.ejection == Ejection::probation) state.ejection = Ejection::none;
  });
}

template <class F>
bool Node::change(F&& f) {
  constexpr std::uint64_t kFields = (std::uint64_t{1} << kGenerationShift) - 1;
  std::uint64_t seen = word_.load(std::memory_order_acquire);
  for (;;) {
    NodeState state = unpacked(seen);
    f(state);
    const std::uint64_t fields = packed(state);
    if (fields == (seen & kFields)) return false;
    const std::uint64_t next = ((seen & ~kFields) | fields) + (std::uint64_t{1} << kGenerationShift);
    if (word_.compare_exchange_weak(seen, next, std::memory_order_acq_rel, std::memory_order_acquire))
      return true;
  }
}

bool Node::begin_trial(std::int64_t now, std::int64_t overdue) {
  std::int64_t next = next_trial_.load(std::memory_order_relaxed);
  return next + overdue <= now &&
         next_trial_.compare_exchange_strong(next, now + kTrialTime, std::memory_order_relaxed);
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

std::optional<Lease> Lease::try_acquire(Node& node) {
  return try_acquire(std::shared_ptr<Node>(std::shared_ptr<Node>(), &node), node.bound());
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
