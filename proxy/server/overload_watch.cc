#include "proxy/server/overload_watch.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"
#include "proxy/epoll/descriptors.h"

namespace weir::server {
namespace {

constexpr base::Time kTrimming = base::Time::min();
constexpr std::uint64_t kFilledPerSecond = std::uint64_t{2} << 30;  // at most, in all likelihood

std::string_view consequence(policy::Overload::Level level) {
  switch (level) {
    case 0:
      return "all is served again";
    case 1:
      return "idle connections are closed, and requests of low priority are answered 503";
    case 2:
      return "nobody new is accepted, and requests of low and normal priority are answered 503";
    default:
      return "nobody new is accepted, and all new requests are answered 503";
  }
}

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{} MiB", bytes >> 20);
}

}  // namespace

void OverloadWatch::Figures::set(policy::Overload::Level level, const policy::Overload::Reading& reading) {
  level_.store(level, std::memory_order_relaxed);
  limit_.store(reading.memory_limit, std::memory_order_relaxed);
  lag_.store(reading.lag.count(), std::memory_order_relaxed);
}

admin::OverloadFigures OverloadWatch::Figures::get() const {
  const base::Duration lag(lag_.load(std::memory_order_relaxed));
  return {.level = level_.load(std::memory_order_relaxed),
          .memory_limit = limit_.load(std::memory_order_relaxed),
          .lag_seconds = std::chrono::duration<double>(lag).count()};
}

OverloadWatch::Memory::Memory() : others_(gauge_.used() - std::min(gauge_.used(), allocated())) {}

std::uint64_t OverloadWatch::Memory::used() const {
  const std::uint64_t resident = gauge_.used();
  return resident - std::min(resident, spare());
}

// 0: another allocator is in place.
std::uint64_t OverloadWatch::Memory::allocated() {
  const auto figures = ::mallinfo2();
  return figures.uordblks + figures.hblkhd;
}

void OverloadWatch::Memory::trim() {
  ::malloc_trim(0);
  const std::uint64_t resident = gauge_.used(), had = allocated();
  spare_.store(had == 0 ? 0 : resident - std::min(resident, had + others_), std::memory_order_relaxed);
  trims_.store(false);
}

OverloadWatch::OverloadWatch(io::Runtime& runtime, base::Executor& executor, Crew& crew)
    : runtime_(runtime), executor_(executor), crew_(crew), timer_(runtime.timers(), *this) {
  timer_.set(runtime_.now() + kLook);
}

void OverloadWatch::configure(std::uint64_t memory_limit) {
  memory_limit_ = memory_limit_in_force(memory_limit);
}

policy::Overload::Reading OverloadWatch::read() const {
  return {.memory_used = memory_->used(),
          .memory_limit = memory_limit_,
          .lag = crew_.worst_lag(runtime_.now()),
          .free_descriptors = epoll::descriptors::limit() - epoll::descriptors::in_use(),
          .kept_descriptors = epoll::descriptors::kept_back()};
}

void OverloadWatch::on_timer() {
  const base::Time now = runtime_.now();
  const bool relieved = is_relieved(now);
  const policy::Overload::Reading reading = read();
  timer_.set(now + until_next_look(reading));
  const auto change = overload_.note(reading, now);
  const policy::Overload::Level level = overload_.level();
  figures_->set(level, reading);
  crew_.make_room_if_wanted();
  if (change) tell(*change, reading);
  // What is spare is used by and by, which the kernel does not tell.
  const std::uint64_t spare = memory_->spare();
  const bool measures_spare = spare > 0 && reading.memory_used + spare >= reading.memory_limit / 2;
  const std::uint64_t over = overload_.excess(reading, now);
  const bool fills_again = over > 0 && relieved_at_ == base::kNever;
  const bool is_due = now >= again_ || (level >= policy::Overload::kMost && (relieved || fills_again));
  if (!change && ((level == 0 && !measures_spare) || !is_due)) return;
  again_ = now + kAgain;
  if (level > 0 || change) {
    crew_.heed(level, over);
    if (over > 0) {
      relieved_at_ = now + kRelief;
      return;
    }
  }
  if ((level > 0 || measures_spare) && reading.memory_limit > 0) trim();
}

// What was over the limit has been let go of, and given back to the kernel: what is read now is what is left.
bool OverloadWatch::is_relieved(base::Time now) {
  if (now < relieved_at_) return false;
  if (std::exchange(relieved_at_, kTrimming) != kTrimming) trim();
  if (memory_->trims()) return false;
  relieved_at_ = base::kNever;
  return true;
}

// No more comes until then than there is room for, in all likelihood.
base::Duration OverloadWatch::until_next_look(const policy::Overload::Reading& reading) {
  if (reading.memory_limit == 0) return kLook;
  const std::uint64_t left = reading.memory_limit - std::min(reading.memory_limit, reading.memory_used);
  const base::Duration full = std::chrono::milliseconds(left * 1000 / kFilledPerSecond);
  return std::clamp(full, kLookClosely, kLook);
}

// It may take longer than until the next is due.
void OverloadWatch::trim() {
  if (memory_->begin_trim()) executor_.run([memory = memory_] { memory->trim(); });
}

void OverloadWatch::tell(const policy::Overload::Change& change,
                         const policy::Overload::Reading& reading) const {
  const std::string memory =
      reading.memory_limit == 0
          ? mebibytes(reading.memory_used)
          : fmt::format("{} of {}", mebibytes(reading.memory_used), mebibytes(reading.memory_limit));
  const auto lag = std::chrono::duration_cast<std::chrono::milliseconds>(reading.lag);
  const std::string text =
      fmt::format("overload: level {}, {} before, by {} (memory {}, lag {} ms, {} descriptors free): {}",
                  change.to, change.from, policy::word(change.cause), memory, lag.count(),
                  reading.free_descriptors, consequence(change.to));
  if (change.to > change.from)
    base::log_warning("{}", text);
  else
    base::log_info("{}", text);
}

}  // namespace weir::server
