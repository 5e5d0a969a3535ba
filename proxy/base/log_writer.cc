#include "proxy/base/log_writer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/counted.h"

namespace weir::base {
namespace {

constexpr std::string_view kTooFast = "they came faster than they could be written";

std::uint64_t count_lines(std::string_view lines) {
  return static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
}

}  // namespace

std::string LogWriter::Lost::text() const {
  return fmt::format("{}: {}", counted(lines, "line"), why);
}

LogWriter::LogWriter(std::unique_ptr<LogSink> sink, Hooks hooks)
    : to_{std::move(sink), std::move(hooks)}, thread_([this] { run(); }) {}

LogWriter::~LogWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

std::string LogWriter::submit(std::string lines, std::uint64_t count) {
  std::unique_lock lock(mutex_);
  const Admission admission = add(lines);
  if (admission == Admission::refused) dropped_.fetch_add(count, std::memory_order_relaxed);
  if (admission != Admission::queued) {
    lines.clear();
    return lines;
  }
  std::string spare;
  if (!spare_.empty()) {
    spare = std::move(spare_.back());
    spare_.pop_back();
  }
  lock.unlock();
  wake_.notify_one();
  return spare;
}

bool LogWriter::try_submit(std::string line) {
  std::lock_guard lock(mutex_);
  const Admission admission = add(line);
  wake_.notify_one();
  return admission != Admission::refused;
}

LogWriter::Admission LogWriter::add(std::string& lines) {
  std::vector<std::string>& buffers = waiting_.buffers;
  const bool turns_here = !waiting_.turns.empty() && waiting_.turns.back().at == buffers.size();
  const bool may_join = !buffers.empty() && !turns_here;
  if (may_join && buffers.back().size() + lines.size() <= kJoined) {
    buffers.back() += lines;
    return Admission::joined;
  }
  if (buffers.size() >= kMostWaiting) return Admission::refused;
  buffers.push_back(std::move(lines));
  return Admission::queued;
}

// One that has not been done yet will do for the lines that came since.
void LogWriter::reopen() {
  std::lock_guard lock(mutex_);
  if (waiting_.turns.empty()) waiting_.turns.push_back({waiting_.buffers.size(), std::nullopt});
  wake_.notify_one();
}

void LogWriter::redirect(Destination to) {
  std::lock_guard lock(mutex_);
  waiting_.turns.push_back({waiting_.buffers.size(), std::move(to)});
  wake_.notify_one();
}

void LogWriter::run() {
  std::unique_lock lock(mutex_);
  bool told_at_end = false;
  for (Outcome outcome = Outcome::written; outcome == Outcome::written;) {
    await_work(lock);
    const bool end = stopping_ && waiting_.buffers.empty() && waiting_.turns.empty();
    std::swap(taken_, waiting_);
    lock.unlock();
    outcome = write_batch();
    if ((end && !std::exchange(told_at_end, true)) || outcome == Outcome::given_up) tell_at_ = {};
    tell_of_lost();
    lock.lock();
    give_back_spares();
    // Otherwise it had something to say of itself; once, since that may be lost as well.
    if (end && waiting_.buffers.empty()) return;
  }
}

void LogWriter::await_work(std::unique_lock<std::mutex>& lock) {
  const auto work = [this] { return stopping_ || !waiting_.buffers.empty() || !waiting_.turns.empty(); };
  if (dropped_lines() == told_)
    wake_.wait(lock, work);
  else
    wake_.wait_until(lock, tell_at_, work);
}

LogWriter::Outcome LogWriter::write_batch() {
  std::size_t turn = 0;
  for (std::size_t i = 0; i <= taken_.buffers.size(); ++i) {
    for (; turn < taken_.turns.size() && taken_.turns[turn].at == i; ++turn) carry_out(taken_.turns[turn]);
    if (i == taken_.buffers.size()) break;
    const Outcome outcome = write_out(taken_.buffers[i]);
    taken_.buffers[i].clear();
    if (outcome == Outcome::written) continue;
    lose_what_waits();
    return outcome;
  }
  taken_.turns.clear();
  return Outcome::written;
}

// What the old destination has lost is told in its name.
void LogWriter::carry_out(Turn& turn) {
  if (turn.to) {
    tell_at_ = {};
    tell_of_lost();
    to_ = std::move(*std::exchange(turn.to, std::nullopt));
  } else if (to_.sink) {
    to_.hooks.on_reopened(to_.sink->reopen());
  }
}

LogWriter::Outcome LogWriter::write_out(std::string_view lines) {
  while (!lines.empty()) {
    if (!to_.sink) {
      dropped_.fetch_add(count_lines(lines), std::memory_order_relaxed);
      return Outcome::written;
    }
    LogSink::Taken taken = to_.sink->take(lines);
    lines.remove_prefix(taken.bytes);
    dropped_.fetch_add(taken.lost_lines, std::memory_order_relaxed);
    if (taken.why.empty()) continue;
    why_ = std::move(taken.why);
    if (taken.bytes > 0) continue;
    tell_of_lost();
    if (!stopping() && !is_left()) continue;
    dropped_.fetch_add(count_lines(lines), std::memory_order_relaxed);
    return stopping() ? Outcome::given_up : Outcome::written;
  }
  return Outcome::written;
}

// Somebody has said that lines are to go elsewhere: nobody waits for a sink that stalls any more.
bool LogWriter::is_left() {
  const auto leads_elsewhere = [](const Turn& turn) { return turn.to.has_value(); };
  if (std::any_of(taken_.turns.begin(), taken_.turns.end(), leads_elsewhere)) return true;
  std::lock_guard lock(mutex_);
  return std::any_of(waiting_.turns.begin(), waiting_.turns.end(), leads_elsewhere);
}

bool LogWriter::stopping() {
  std::lock_guard lock(mutex_);
  return stopping_;
}

void LogWriter::lose_what_waits() {
  std::lock_guard lock(mutex_);
  for (const Batch* batch : {&taken_, &waiting_})
    for (const std::string& lines : batch->buffers)
      dropped_.fetch_add(count_lines(lines), std::memory_order_relaxed);
}

void LogWriter::tell_of_lost() {
  const std::uint64_t dropped = dropped_lines();
  const Clock::time_point now = Clock::now();
  if (dropped == told_ || now < tell_at_) return;
  const std::string_view why = why_.empty() ? kTooFast : std::string_view(why_);
  if (to_.hooks.on_lost && !to_.hooks.on_lost(*this, {dropped - told_, why})) {
    tell_at_ = now + kAskAgain;
    return;
  }
  told_ = dropped;
  tell_at_ = now + kTellEvery;
  why_.clear();
}

void LogWriter::give_back_spares() {
  std::vector<std::string>& buffers = taken_.buffers;
  while (!buffers.empty() && spare_.size() < kMostWaiting) {
    spare_.push_back(std::move(buffers.back()));
    buffers.pop_back();
  }
  buffers.clear();
}

}  // namespace weir::base
