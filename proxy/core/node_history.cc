#include "proxy/core/node_history.h"

#include <utility>

namespace weir::core {

void NodeHistory::note_check(CheckRecord check) {
  auto& count = check.outcome == CheckRecord::Outcome::passed ? passed_ : failed_;
  count.fetch_add(1, std::memory_order_relaxed);
  took_ns_.fetch_add(check.took.count(), std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  last_check_ = std::move(check);
}

void NodeHistory::note(NodeTransition transition) {
  if (transition.word == NodeWord::health && transition.to == "up")
    ups_.fetch_add(1, std::memory_order_relaxed);
  if (transition.word == NodeWord::health && transition.to == "down")
    downs_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  since_[static_cast<std::size_t>(transition.word)] = {transition.wall_ms, transition.reason};
  if (transitions_.size() == kTransitions) transitions_.erase(transitions_.begin());
  transitions_.push_back(std::move(transition));
}

void NodeHistory::note_since(NodeWord word, Since since) {
  const std::lock_guard lock(mutex_);
  since_[static_cast<std::size_t>(word)] = std::move(since);
}

void NodeHistory::begin(Since listed) {
  const std::lock_guard lock(mutex_);
  for (Since& since : since_)
    if (since.wall_ms == 0) since.wall_ms = listed.wall_ms;
  if (!listed.reason.empty()) since_[static_cast<std::size_t>(NodeWord::by_operator)] = std::move(listed);
}

void NodeHistory::take_over(View view) {
  const std::lock_guard lock(mutex_);
  since_ = {std::move(view.by_operator),
            std::move(view.health),
            std::move(view.ejection),
            std::move(view.weight),
            std::move(view.agent),
            {},
            {},
            {}};
  last_check_ = std::move(view.last_check);
  transitions_ = std::move(view.transitions);
}

NodeHistory::View NodeHistory::view() const {
  const std::lock_guard lock(mutex_);
  return {since_[0], since_[1], since_[2], since_[3], since_[4], last_check_, transitions_};
}

}  // namespace weir::core
