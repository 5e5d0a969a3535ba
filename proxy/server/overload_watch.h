// Watches over Weir itself: reads its memory, the lag of its workers and its free descriptors ten times a
// second, and more often the less memory is left; has policy::Overload decide, and tells the crew, the log
// and whoever scrapes. While memory is short it has the allocator give back what is free, off all loops; what
// that keeps all the same, in pages that are partly used, is there for what comes, and does not count as
// used. Owned by the supervisor; control thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "proxy/admin/scene.h"
#include "proxy/base/executor.h"
#include "proxy/io/runtime.h"
#include "proxy/policy/overload.h"
#include "proxy/server/crew.h"
#include "proxy/server/memory_limit.h"

namespace weir::server {

class OverloadWatch final : io::TimerHandler {
 public:
  static constexpr base::Duration kLook = std::chrono::milliseconds(100);
  static constexpr base::Duration kLookClosely = std::chrono::milliseconds(5);
  static constexpr base::Duration kAgain = std::chrono::seconds(1);  // what lasts is said again
  // In which workers let go of what is over the limit; what is still over it once that is given back to the
  // kernel is said at once.
  static constexpr base::Duration kRelief = std::chrono::milliseconds(20);

  // What was read last, for any thread.
  class Figures {
   public:
    void set(policy::Overload::Level level, const policy::Overload::Reading& reading);
    admin::OverloadFigures get() const;

   private:
    std::atomic<std::uint64_t> level_{0}, limit_{0};
    std::atomic<base::Duration::rep> lag_{0};
  };

  // Of this process; any thread.
  class Memory {
   public:
    Memory();
    std::uint64_t used() const;
    void trim();  // one at a time
    std::uint64_t spare() const { return spare_.load(std::memory_order_relaxed); }
    bool begin_trim() { return !trims_.exchange(true); }
    bool trims() const { return trims_.load(); }

   private:
    static std::uint64_t allocated();

    const MemoryGauge gauge_;
    const std::uint64_t others_;           // resident bytes that are none of the allocator's
    std::atomic<std::uint64_t> spare_{0};  // that the allocator keeps and nobody has, as of the last trim
    std::atomic<bool> trims_{false};
  };

  // All three outlive it.
  OverloadWatch(io::Runtime& runtime, base::Executor& executor, Crew& crew);
  OverloadWatch(const OverloadWatch&) = delete;
  OverloadWatch& operator=(const OverloadWatch&) = delete;

  // As config::Config::memory_limit says.
  void configure(std::uint64_t memory_limit);
  std::shared_ptr<const Figures> figures() const { return figures_; }

 private:
  void on_timer() override;
  policy::Overload::Reading read() const;
  static base::Duration until_next_look(const policy::Overload::Reading& reading);
  void tell(const policy::Overload::Change& change, const policy::Overload::Reading& reading) const;
  void trim();
  bool is_relieved(base::Time now);

  io::Runtime& runtime_;
  base::Executor& executor_;
  Crew& crew_;
  io::Timer timer_;
  policy::Overload overload_;
  std::uint64_t memory_limit_ = 0;
  base::Time again_{};                     // when what lasts is said
  base::Time relieved_at_ = base::kNever;  // workers have let go of what they were asked to
  const std::shared_ptr<Figures> figures_ = std::make_shared<Figures>();
  const std::shared_ptr<Memory> memory_ = std::make_shared<Memory>();
};

}  // namespace weir::server
