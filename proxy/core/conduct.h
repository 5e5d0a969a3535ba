// How a node does, as the workers' attempts show it: failures in a row, what it does while it is on
// probation, and when its last byte came. A worker that has seen enough ejects it at once, or finds it
// suspect, by the node's word, and tells the control thread. Written by all workers, seldom: while a node
// does well, an attempt only reads here. What the client or Weir itself caused is never noted. Part of its
// Endpoint.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "balancer/node.h"
#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/core/node_news.h"

namespace weir::core {

struct PoolShared;

class alignas(64) Conduct {
 public:
  static constexpr std::uint32_t kGoodAnswers = 5;  // by which probation is passed
  // So many bad ones end it where the node was ejected for what is true of its answers as a whole.
  static constexpr std::uint32_t kBadAnswers = 3;
  // The time of the last byte is kept as exactly as that, so that workers do not write it all the time.
  static constexpr base::Duration kGrain = std::chrono::milliseconds(10);
  static constexpr base::Duration kMoment = std::chrono::milliseconds(50);  // in which a node dies
  static constexpr base::Duration kNoLimit = base::Duration::max();
  static constexpr base::Duration kLeastSilence = std::chrono::milliseconds(250);
  static constexpr base::Duration kUnknownSilence =
      std::chrono::seconds(1);  // of a node of which little is known

  // What was asked longer ago, and never answered, says nothing of it any more.
  static constexpr base::Duration kRemembered = std::chrono::seconds(10);

  // `pool`: nullptr, nobody wants to know.
  Conduct(Endpoint& of, std::shared_ptr<PoolShared> pool);

  // Workers, of an attempt that began at `began`.
  void note_connected() {
    if (connect_failures_.load(std::memory_order_relaxed) != 0)
      connect_failures_.store(0, std::memory_order_relaxed);
  }
  void note_connect_failure(const base::Error& error, base::Time began, base::Time now);
  void note_answer(int status, base::Time began, base::Time now) {
    note_connected();
    if ((status >= 502 && status <= 504) || gateway_errors_.load(std::memory_order_relaxed) != 0 ||
        probation_at_.load(std::memory_order_relaxed) != kNone)
      judge_answer(status, began, now);
  }
  void note_no_answer(const base::Error& error, base::Time began, base::Time now);
  // A kept connection ended under a request. Whether that is news: all that a node's death takes with it,
  // with nothing heard of it in between, is one.
  bool note_lost(base::Time now) {
    base::Time::rep seen = lost_at_.load(std::memory_order_relaxed);
    const base::Time before{base::Duration(seen)};
    if (now - before <= kMoment && heard_at() <= before) return false;
    return lost_at_.compare_exchange_strong(seen, now.time_since_epoch().count(), std::memory_order_relaxed);
  }
  // A byte came from it.
  void hear(base::Time now) {
    if (now - heard_at() >= kGrain) note_heard(now);
  }

  // It is asked something that it may answer at once. While it is heard of nothing is written.
  void note_asked(base::Time now) {
    const base::Time heard = heard_at();
    if (now - heard < kGrain) return;
    if (const base::Time owes = owes_since(); owes <= heard || now - owes > kRemembered)
      owes_since_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  }

  base::Time heard_at() const {
    return base::Time(base::Duration(heard_at_.load(std::memory_order_relaxed)));
  }
  // It is silent for so long that something is wrong with it, if it owes an answer.
  base::Duration suspect_after() const {
    return base::Duration(suspect_after_.load(std::memory_order_relaxed));
  }
  // As it is for who asked at `asked` and still waits: no byte has come from it since. It says nothing to
  // those either who have asked before, and may have gone.
  base::Time silent_since(base::Time asked) const {
    const base::Time heard = heard_at(), owes = owes_since();
    const bool owed_before = owes > heard && asked - owes <= kRemembered;
    return std::max(heard, owed_before ? std::min(owes, asked) : asked);
  }
  // It owes an answer, and no byte came from it for suspect_after().
  void suspect(base::Time now);
  // An answer to what was asked then says how long its answers take: of all that it was suspect for, and that
  // came at once when it went on, the first alone does.
  bool tells_time(base::Time asked) {
    if (asked.time_since_epoch().count() > suspected_at_.load(std::memory_order_relaxed)) return true;
    return !told_time_.exchange(true, std::memory_order_relaxed);
  }

  // Control thread.
  bool eject(EjectionCause cause, std::string reason);  // false: it may not be
  // Its place among those that are out is free again. False: it was not ejected.
  bool readmit(balancer::Ejection to);
  void take_place_anyway();  // it was ejected before it was this process's
  // Another may be out in place of one that is ejected and down by its checks as well.
  void lend_place(bool lends);
  bool lends_place() const { return lends_place_; }
  void set_suspect_after(base::Duration span) {
    suspect_after_.store(span.count(), std::memory_order_relaxed);
  }
  // Of a node that was ejected for its answer times an answer that takes longer is a bad one.
  void set_slow(base::Duration bound) { slow_.store(bound.count(), std::memory_order_relaxed); }
  // So many gateway errors in a row that it would be out, if another node took its place.
  bool fails_all() const;
  // From now on each answer is looked at.
  void begin_probation(EjectionCause cause, base::Time now);
  void end_probation() { probation_at_.store(kNone, std::memory_order_relaxed); }

  bool is_of(const PoolShared& pool) const { return pool_.get() == &pool; }
  // Any thread: how often, ever.
  std::uint64_t ejections(EjectionCause cause) const {
    return ejections_[static_cast<std::size_t>(cause)].load(std::memory_order_relaxed);
  }
  std::uint64_t returns() const { return returns_.load(std::memory_order_relaxed); }
  std::uint64_t suspicions() const { return suspicions_.load(std::memory_order_relaxed); }

  // Control thread: ejections that are not forgotten yet, each of which makes the next one longer.
  std::uint32_t strikes = 0;
  bool inherited = false;  // it was ejected already in the process before, and nobody has heard of it yet

 private:
  static constexpr base::Time::rep kNone = 0;

  // Somebody asked then, and it had nothing to answer before; of no meaning if it was heard of since.
  base::Time owes_since() const {
    return base::Time(base::Duration(owes_since_.load(std::memory_order_relaxed)));
  }
  void judge_answer(int status, base::Time began, base::Time now);
  bool is_bad_enough();
  void judge_probation(int status, base::Time began, base::Time now);
  void note_gateway_error(const std::string& seen, base::Time began);
  void note_heard(base::Time now);
  bool on_probation(base::Time began) const;
  void tell(NodeNews::Kind kind, EjectionCause cause = {}, std::string reason = {}) const;

  bool lends_place_ = false;                        // control thread
  std::atomic<std::uint32_t> connect_failures_{0};  // in a row
  std::atomic<std::uint32_t> gateway_errors_{0};    // likewise
  std::atomic<base::Time::rep> probation_at_{kNone};
  std::atomic<base::Time::rep> heard_at_{kNone};
  std::atomic<base::Time::rep> owes_since_{kNone};
  std::atomic<base::Time::rep> suspected_at_{kNone};  // it became suspect the last time
  std::atomic<bool> told_time_{true};                 // by an answer to what was asked before
  std::atomic<base::Duration::rep> suspect_after_{kNoLimit.count()};
  std::atomic<base::Time::rep> failed_at_{kNone};       // the latest attempt that got no answer
  std::atomic<base::Time::rep> lost_at_{kNone};         // when that began to be news
  std::atomic<base::Time::rep> unconnected_at_{kNone};  // the latest connect that failed
  std::atomic<base::Duration::rep> slow_{0};
  std::atomic<std::uint32_t> good_answers_{0};
  std::atomic<std::uint32_t> bad_answers_{0};
  std::atomic<EjectionCause> cause_{EjectionCause::connect};
  std::array<std::atomic<std::uint64_t>, kEjectionCauses.size()> ejections_{};
  std::atomic<std::uint64_t> returns_{0}, suspicions_{0};
  Endpoint& endpoint_;
  const std::shared_ptr<PoolShared> pool_;
};

}  // namespace weir::core
