#include "proxy/server/crew.h"

#include <algorithm>
#include <utility>

#include "proxy/epoll/descriptors.h"
#include "proxy/server/seed.h"

namespace weir::server {

template <class F>
void Crew::each(F&& f) const {
  for (const auto& worker : active_) f(*worker);
  for (const auto& worker : retired_) f(*worker);
}

void Crew::work(const std::shared_ptr<const core::Snapshot>& snapshot, const Listeners& listeners,
                std::size_t workers, std::function<void()> taken) {
  each([&](Worker& worker) { worker.publish(snapshot); });
  close_others(listeners, snapshot->config.drain_timeout);
  if (active_.size() < workers) hire(workers, snapshot);
  // What a worker no longer polls another one polls already, or soon: nobody is lost meanwhile.
  for (std::size_t i = 0; i < workers; ++i) active_[i]->open(listeners.entrances(i, workers));
  while (active_.size() > workers) {
    std::unique_ptr<Worker> leaving = std::move(active_.back());
    active_.pop_back();
    retire(std::move(leaving));
  }
  when_taken(std::move(taken));
}

// Each worker holds it until it has done what it was told before, or is no more.
void Crew::when_taken(std::function<void()> taken) {
  const std::shared_ptr<void> told(nullptr,
                                   [this, taken = std::move(taken)](void*) { control_.post(taken); });
  each([&](Worker& worker) { worker.when_done([told] {}); });
}

// What is open for good by then is counted before they open anything themselves.
void Crew::hire(std::size_t workers, const std::shared_ptr<const core::Snapshot>& snapshot) {
  while (active_.size() < workers)
    active_.push_back(
        std::make_unique<Worker>(*counts_, free_number(), fresh_seed(), log_, spans_, snapshot));
  epoll::descriptors::measure();
}

void Crew::publish(const std::shared_ptr<const core::Snapshot>& snapshot, std::function<void()> taken) {
  each([&](Worker& worker) { worker.publish(snapshot); });
  when_taken(std::move(taken));
}

void Crew::nodes_changed(const std::shared_ptr<const core::NodeChanges>& changes) {
  each([&](Worker& worker) { worker.nodes_changed(changes); });
}

// The listeners that are gone.
void Crew::close_others(const Listeners& listeners, base::Duration grace) {
  const auto before = std::exchange(listeners_, {});
  for (const Listening& listening : listeners.all()) listeners_.push_back(listening.counts);
  for (const auto& listener : before)
    if (std::find(listeners_.begin(), listeners_.end(), listener) == listeners_.end())
      each([&](Worker& worker) { worker.close(listener, grace); });
}

std::size_t Crew::free_number() const {
  for (std::size_t number = 0;; ++number) {
    bool taken = false;
    each([&](const Worker& worker) { taken = taken || worker.number() == number; });
    if (!taken) return number;
  }
}

void Crew::retire(std::unique_ptr<Worker> worker) {
  Worker* const leaving = worker.get();
  retired_.push_back(std::move(worker));
  leaving->retire([this, leaving] {
    control_.post([this, leaving] {
      if (undrained_ > 0) return;  // the end has begun, which waits for it too
      std::erase_if(retired_, [leaving](const auto& each) { return each.get() == leaving; });
    });
  });
}

void Crew::ask_to_leave(base::Duration time) {
  counts_->leave_until.store(base::deadline(control_.now(), time).time_since_epoch().count(),
                             std::memory_order_relaxed);
  each([](Worker& worker) { worker.ask_to_leave(); });
}

void Crew::heed(policy::Overload::Level level, std::uint64_t excess) {
  counts_->overload.store(level, std::memory_order_relaxed);
  each([&](Worker& worker) { worker.heed(level, excess); });
}

void Crew::make_room_if_wanted() {
  const auto is_wanted = [](std::atomic<bool>& what) {
    return what.load(std::memory_order_relaxed) && what.exchange(false, std::memory_order_relaxed);
  };
  if (is_wanted(counts_->wants_room)) each([](Worker& worker) { worker.make_room(); });
  if (is_wanted(counts_->wants_seats)) each([](Worker& worker) { worker.make_seats(); });
}

base::Duration Crew::worst_lag(base::Time now) const {
  base::Duration worst{};
  each([&](const Worker& worker) { worst = std::max(worst, worker.lag(now)); });
  return worst;
}

void Crew::drain(base::Duration grace, std::function<void()> drained) {
  undrained_ = active_.size() + retired_.size();
  each([&](Worker& worker) {
    worker.drain(
        grace, [] {},
        [this, drained] {
          control_.post([this, drained] {
            if (--undrained_ == 0) drained();
          });
        });
  });
}

void Crew::end() {
  active_.clear();
  retired_.clear();
}

}  // namespace weir::server
