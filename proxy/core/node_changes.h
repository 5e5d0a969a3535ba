// Which nodes' words have changed, gathered by whoever changes them and told to the workers in batches: the
// first change at the end of its turn, later ones at most once in kPause, so that thousands of changes cost
// the workers little. Control thread only; a batch is immutable and goes to any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "proxy/core/endpoint.h"
#include "proxy/io/runtime.h"

namespace weir::core {

struct NodeChanges {
  std::unordered_set<std::string> pools;  // by name
  std::vector<std::shared_ptr<Endpoint>> endpoints;
};

// Who hears of each change at once.
class NodeChangeWitness {
 public:
  virtual void on_noted(const std::string& pool, const std::shared_ptr<Endpoint>& endpoint) = 0;

 protected:
  ~NodeChangeWitness() = default;
};

class NodeChangeBatch final : io::Deferred, io::TimerHandler {
 public:
  using Tell = std::function<void(std::shared_ptr<const NodeChanges>)>;
  static constexpr base::Duration kPause = std::chrono::milliseconds(10);

  // `tell` is called in a task or timer of its own.
  NodeChangeBatch(io::Runtime& runtime, Tell tell);
  NodeChangeBatch(const NodeChangeBatch&) = delete;
  NodeChangeBatch& operator=(const NodeChangeBatch&) = delete;

  void tell_at_once(NodeChangeWitness* witness) { witness_ = witness; }
  void note(const std::string& pool, const std::shared_ptr<Endpoint>& endpoint);

 private:
  void run_deferred() override;
  void on_timer() override;

  io::Runtime& runtime_;
  Tell tell_;
  NodeChangeWitness* witness_ = nullptr;
  io::Timer pause_;  // set while it lasts
  NodeChanges gathered_;
};

}  // namespace weir::core
