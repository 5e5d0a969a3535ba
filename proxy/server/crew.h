// The workers. When the configuration wants more of them, others join; when it wants fewer, some retire: they
// take no new clients, and serve those that they have to the end. Owned by the supervisor; control thread
// only.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/server/listeners.h"
#include "proxy/server/worker.h"

namespace weir::server {

class Crew {
 public:
  // All three outlive it.
  Crew(epoll::EpollRuntime& control, base::LogWriter& log, observe::SpanSink& spans)
      : control_(control), log_(log), spans_(spans) {}
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // So many workers take clients at these listeners, as the snapshot says. `taken` is called when all know
  // it.
  void work(
      const std::shared_ptr<const core::Snapshot>& snapshot, const Listeners& listeners, std::size_t workers,
      std::function<void()> taken = [] {});
  // The snapshot alone is another. `taken` as above.
  void publish(const std::shared_ptr<const core::Snapshot>& snapshot, std::function<void()> taken = [] {});
  void nodes_changed(const std::shared_ptr<const core::NodeChanges>& changes);
  // For so long, clients that are there and that come are asked to come back on other connections.
  void ask_to_leave(base::Duration time);
  // Weir is overloaded to this level: all workers do what follows, and those that are hired. Said again each
  // second while it is; `excess` bytes of memory are to be let go of, by all together.
  void heed(policy::Overload::Level level, std::uint64_t excess);
  policy::Overload::Level overload() const { return counts_->overload.load(std::memory_order_relaxed); }
  // A client waits for a descriptor, and its worker had none to spare: others may have.
  void make_room_if_wanted();
  base::Duration worst_lag(base::Time now) const;
  // Ends them all in an orderly way, see core::Acceptor; `drained` is called once, on the control thread.
  void drain(base::Duration grace, std::function<void()> drained);
  void end();  // at once

  std::size_t size() const { return active_.size(); }
  std::size_t retired() const { return retired_.size(); }
  std::uint64_t clients() const { return counts_->client_connections.load(); }
  std::shared_ptr<const core::SharedCounts> counts() const { return counts_; }  // any thread

 private:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  template <class F>
  void each(F&& f) const;
  void when_taken(std::function<void()> taken);
  std::size_t free_number() const;
  void hire(std::size_t workers, const std::shared_ptr<const core::Snapshot>& snapshot);
  void close_others(const Listeners& listeners, base::Duration grace);
  void retire(std::unique_ptr<Worker> worker);

  epoll::EpollRuntime& control_;
  base::LogWriter& log_;
  observe::SpanSink& spans_;
  const std::shared_ptr<core::SharedCounts> counts_ = std::make_shared<core::SharedCounts>();
  std::vector<std::shared_ptr<observe::ListenerCounts>> listeners_;  // at which they take clients
  Workers active_;
  Workers retired_;
  std::size_t undrained_ = 0;  // while draining
};

}  // namespace weir::server
