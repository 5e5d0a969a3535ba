// What all workers share of one pool, and nothing of which a snapshot holds: made of atomics and of counts
// that each worker writes for itself. Lives as long as a pool of that name is in the configuration, or an
// exchange with it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "proxy/core/connection_bound.h"
#include "proxy/core/pool_ejection.h"
#include "proxy/core/pool_gate.h"
#include "proxy/observe/count.h"
#include "proxy/observe/duration_histogram.h"
#include "proxy/observe/recent_count.h"
#include "proxy/policy/retry.h"
#include "proxy/policy/retry_budget.h"
#include "proxy/policy/session.h"

namespace weir::core {

// What one worker counts of a pool.
struct alignas(64) PoolShare {
  observe::RecentCount requests;
  observe::RecentCount declined_twice;  // of these, by their nodes
  observe::RecentCount lost;            // times that kept connections ended under some
  observe::Count retries;               // tries that the budget has paid for
  observe::Count denied_budget;         // that would have been made, and the budget did not allow
  observe::Count hedges;                // second tries beside a first, likewise
  observe::Count hedges_won;            // of these, that were answered first
  observe::Count denied_attempts;       // likewise, and retry.attempts did not
  observe::Count sessions_begun;        // clients that got a cookie, and had none that is known
  observe::Count sessions_kept;         // requests that went to the node which their cookie names
  // Clients that got another node's cookie, by what ended their session.
  std::array<observe::Count, policy::kSessionVerdicts.size()> sessions_moved;
  observe::Count cookies_unknown;     // requests with a cookie that names no node
  observe::DurationHistogram queued;  // how long each stay in the queue was
  observe::Count queue_full;          // who found it full
  observe::Count queue_timeout;       // whose time in it was up
  observe::Count shed;                // who was sent out of it before that
};

struct Endpoint;

struct PoolShared {
  // `name`: the pool's; "": none that the configuration has. `desk` hears of what workers do with its nodes.
  explicit PoolShared(std::size_t workers, std::string name = {}, NodeDesk desk = {})
      : name(std::move(name)), workers(workers), counts(workers), ejection(std::move(desk)) {}

  const std::string name;
  const std::size_t workers;  // that count in its counts at first
  observe::PerWorker<PoolShare> counts;
  policy::RetryBudget budget;
  PoolEjection ejection;
  PoolGate gate;
  ConnectionBound connections;
  // An answer that takes longer is slow, in the eyes of who compares nodes that are chosen by keys; none is
  // at first.
  std::atomic<base::Duration::rep> slow{base::Duration::max().count()};

  // To be followed by the gate's poke(), if it may be more than before.
  void apply_capacity() {
    connections.tell_capacity([this](std::uint64_t most) { gate.set_capacity(most); });
  }
  // A connection to this node takes so many requests; 0: the node is gone. Of nodes that differ the least
  // counts, so that no request has a place and can have no connection. Whether that is news.
  bool note_streams(const Endpoint& node, std::uint64_t streams) {
    bool is_news = false;
    std::uint64_t least = keep_streams(node, streams);
    for (std::uint64_t told = 0; told != least && least != 0; least = least_streams()) {
      is_news |= connections.note_streams(least);  // others may tell theirs at the same time
      told = least;
    }
    return is_news;
  }
  // They speak HTTP/1.1 from now on.
  void forget_streams() {
    const std::lock_guard lock(streams_mutex_);
    streams_.clear();
  }
  // Only who wants to retry asks.
  policy::PoolTraffic traffic(base::Time now) const {
    return {.total = counts.sum([](const PoolShare& share) { return share.requests.total(); }),
            .recent = recent(&PoolShare::requests, now)};
  }
  // Likewise, who was declined; and whose kept connection ended.
  bool are_all_declining(base::Time now) const {
    return policy::are_all_declining(recent(&PoolShare::declined_twice, now),
                                     recent(&PoolShare::requests, now));
  }
  bool are_many_lost(base::Time now) const {
    return policy::are_many_lost(recent(&PoolShare::lost, now), recent(&PoolShare::requests, now));
  }

 private:
  std::uint64_t recent(observe::RecentCount PoolShare::* of, base::Time now) const {
    return counts.sum([&](const PoolShare& share) { return (share.*of).recent(now); });
  }
  std::uint64_t keep_streams(const Endpoint& node, std::uint64_t streams) {
    const std::lock_guard lock(streams_mutex_);
    if (streams == 0)
      streams_.erase(&node);
    else
      streams_[&node] = streams;
    return least_known();
  }
  std::uint64_t least_streams() const {
    const std::lock_guard lock(streams_mutex_);
    return least_known();
  }
  std::uint64_t least_known() const {  // 0: nothing is
    const auto least = std::min_element(streams_.begin(), streams_.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
    return least == streams_.end() ? 0 : least->second;
  }

  mutable std::mutex streams_mutex_;  // guards what follows; no atomic is touched under it
  std::map<const Endpoint*, std::uint64_t> streams_;
};

}  // namespace weir::core
