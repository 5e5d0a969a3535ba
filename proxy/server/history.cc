#include "proxy/server/history.h"

#include <algorithm>
#include <utility>

namespace weir::server {

using State = admin::HistoryEntry::State;

History::History(Version first, std::int64_t wall_ms, const std::vector<Past>& past)
    : entries_(past.begin(), past.end()) {
  if (!entries_.empty() && entries_.back().version.hash == first.hash) {
    entries_.back().version = std::move(first);
    return;
  }
  add(std::move(first), "start", {}, wall_ms, Trust::confirmed);
}

void History::add(Version version, std::string author, std::vector<config::Change> changes,
                  std::int64_t wall_ms, Trust trust) {
  if (changes.size() > kMostChanges) changes.resize(kMostChanges);
  if (!entries_.empty() && !entries_.back().rejected) entries_.back().told.state = State::replaced;
  Past& entry = entries_.emplace_back();
  entry.confirmed = trust == Trust::confirmed;
  entry.told = {.state = entry.confirmed ? State::confirmed : State::published,
                .wall_ms = wall_ms,
                .author = std::move(author),
                .hash = version.hash,
                .reason = {},
                .changes = std::move(changes)};
  entry.version = std::move(version);
  if (entries_.size() > kMost) forget_one();
}

void History::confirm() {
  entries_.back().confirmed = true;
  entries_.back().told.state = State::confirmed;
}

void History::reject(std::string reason) {
  Past& entry = entries_.back();
  entry.rejected = true;
  entry.told.state = State::rolled_back;
  entry.told.reason = std::move(reason);
}

const History::Version* History::before() const {
  const auto found = std::find_if(std::next(entries_.rbegin()), entries_.rend(), [this](const Past& entry) {
    return !entry.rejected &&
           (entry.version.hash != in_force().hash || *entry.version.config != *in_force().config);
  });
  return found == entries_.rend() ? nullptr : &found->version;
}

const History::Version* History::confirmed(std::int64_t wall_ms) const {
  const auto found = std::find_if(std::next(entries_.rbegin()), entries_.rend(), [=](const Past& entry) {
    return !entry.rejected && (entry.confirmed || entry.told.wall_ms <= wall_ms);
  });
  return found == entries_.rend() ? nullptr : &found->version;
}

// The oldest to which nobody would go back.
void History::forget_one() {
  const Version *needed = before(), *confirmed = this->confirmed(0);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Past& entry) {
    return &entry.version != needed && &entry.version != confirmed;
  });
  entries_.erase(found);
}

std::vector<admin::HistoryEntry> History::entries() const {
  std::vector<admin::HistoryEntry> entries;
  entries.reserve(entries_.size());
  for (auto at = entries_.rbegin(); at != entries_.rend(); ++at) entries.push_back(at->told);
  return entries;
}

}  // namespace weir::server
