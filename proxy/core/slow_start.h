// Lets nodes that are new in a running process, or come back, begin with a small share of their weight that
// grows, where the pool says so. While a node is out its share is small already, so that it is never full for
// a moment. Owned by the ejector; control thread only.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/core/node_changes.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

class SlowStart final : io::TimerHandler {
 public:
  SlowStart(io::Runtime& runtime, NodeChangeBatch& changes)
      : runtime_(runtime), changes_(changes), timer_(runtime.timers(), *this) {}

  // Nodes of a pool that was not there before serve in full from the beginning.
  void watch(const Snapshot& snapshot);
  void note(const Endpoint& endpoint);  // its word has changed
  void stop() { timer_.cancel(); }

 private:
  struct Start {
    std::shared_ptr<Endpoint> endpoint;
    std::string pool;
    base::Duration time{};
    bool serves = false;
    base::Time began = base::kNever;  // kNever: it has its whole share, or is out
  };

  void on_timer() override;
  static bool serves(const Endpoint& endpoint);
  void set_share(const Start& start, std::uint32_t tenths);
  void step(Start& start);

  io::Runtime& runtime_;
  NodeChangeBatch& changes_;
  io::Timer timer_;
  std::unordered_map<const Endpoint*, Start, ByText> nodes_;
};

}  // namespace weir::core
