// Checks the nodes of every pool that has `health`: one prober a process, on the control thread. It watches
// exactly the nodes of the snapshot that it was given last, carries out what the checks make of them
// (CheckedNode), and tells in batches whose words have changed. Checks that are due wait in one queue, from
// which one begins each kSpacing, a loop that comes late makes up for kBurst of them, and at most so
// many are under way as it was given: with too many due they are late, never failed, and the loop is never
// busy with them for long. A node's timer and its place in the queue cost the same however many nodes there
// are.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "balancer/rng.h"
#include "proxy/codec/scratch.h"
#include "proxy/core/checked_pool.h"
#include "proxy/core/node_changes.h"
#include "proxy/core/snapshot.h"

namespace weir::core {

class Prober final : io::Deferred, io::TimerHandler {
 public:
  static constexpr base::Duration kSpacing = std::chrono::microseconds(100);
  static constexpr base::Duration::rep kBurst = 200;  // checks

  // `most_at_once`: checks under way, each of which holds a descriptor. The callbacks come in a task or timer
  // of their own; `begun` once after each watch(), as soon as begun() is true.
  Prober(
      io::Runtime& runtime, std::uint64_t seed, std::size_t most_at_once, NodeChangeBatch::Tell changed,
      std::function<void()> begun = [] {});
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Nodes that stay go on as they are, also where their pool's settings became others; those of a pool that
  // is checked no more become unknown. To be called before the workers get the snapshot.
  void watch(const Snapshot& snapshot);
  void stop();  // no check from now on
  // In every pool that is checked a node is up, or each has been asked once.
  bool begun() const;

  // For its pools and nodes.
  io::Runtime& runtime() { return runtime_; }
  codec::Scratch& scratch() { return scratch_; }
  tls::Scratch& tls_scratch() { return tls_scratch_; }
  NodeChangeBatch& changes() { return changes_; }
  std::uint64_t draw() { return rng_(); }
  void be_due(DueCheck& check);
  void check_ended();
  void note_not_made(const std::string& why);

 private:
  static constexpr base::Duration kBetweenWarnings = std::chrono::minutes(1);

  void run_deferred() override;
  void on_timer() override;
  void watch(const SnapshotPool& pool, const config::Pool& config);
  void let_go(const SnapshotPool& pool);
  void start_due();

  io::Runtime& runtime_;
  codec::Scratch scratch_;
  tls::Scratch tls_scratch_;
  balancer::Rng rng_;
  const std::size_t most_at_once_;
  NodeChangeBatch changes_;
  std::function<void()> begun_;
  base::IntrusiveList<DueCheck, DueTag> due_;
  std::unordered_map<std::string, std::unique_ptr<CheckedPool>> pools_;
  std::size_t under_way_ = 0;
  base::Time next_start_{};  // the earliest time of the next check's begin
  io::Timer pace_;
  base::Time warned_ = base::Time::min();
  bool begun_is_told_ = true;
};

}  // namespace weir::core
