// All that is reported on: the snapshot in force, the listeners, and facts of the process. Immutable, put
// together by the control thread whenever one of them changes, read by the Reporter; the counts that it
// points at go on being counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/admin/reload_report.h"
#include "proxy/core/reception.h"
#include "proxy/core/snapshot.h"
#include "proxy/observe/shares.h"

namespace weir::admin {

struct SceneListener {
  std::string name;
  std::string address;  // as bound
  std::shared_ptr<const observe::ListenerCounts> counts;
  std::shared_ptr<const core::Reception> reception = std::make_shared<core::Reception>();
};

// How overloaded Weir itself is.
struct OverloadFigures {
  std::uint64_t level = 0;
  std::uint64_t memory_limit = 0;  // bytes; 0: none
  double lag_seconds = 0;          // of the worst worker
};

struct Scene {
  std::shared_ptr<const core::Snapshot> snapshot;
  std::vector<SceneListener> listeners;
  std::string version;
  ReloadState reloads;
  std::size_t workers = 0;
  std::int64_t started_ms = 0;  // since 1970
  // Lines that were lost so far; from any thread.
  std::function<std::uint64_t()> dropped_access_lines;
  std::function<std::uint64_t()> dropped_own_lines;
  std::function<OverloadFigures()> overload = [] { return OverloadFigures{}; };
  // Keys of rate limits that made room for others while they were limited.
  std::function<std::uint64_t()> forgiven_rate_keys;
  // Of traces; empty where tracing is off.
  std::function<std::uint64_t()> exported_spans, dropped_spans;
};

}  // namespace weir::admin
