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
  const bool may_join = !buffers.empty() && waiting_.reopen_at != buffers.size();
  if (may_join && buffers.back().size() + lines.size() <= kJoined) {
    buffers.back() += lines;
    return Admission::joined;
  }
  if (buffers.size() >= kMostWaiting) return Admission::refused;
  buffers.push_back(std::move(lines));
  return Admission::queued;
}

void LogWriter::reopen() {
  std::lock_guard lock(mutex_);
  if (!waiting_.reopen_at) waiting_.reopen_at = waiting_.buffers.size();
  wake_.notify_one();
}

void LogWriter::redirect(Destination to) {
  std::lock_guard lock(mutex_);
  waiting_.redirect = std::move(to);
  waiting_.reopen_at = waiting_.buffers.size();
  wake_.notify_one();
}

void LogWriter::run() {
  std::unique_lock lock(mutex_);
  for (Outcome outcome = Outcome::written; outcome == Outcome::written;) {
    await_work(lock);
    const bool end = stopping_ && waiting_.buffers.empty();
    std::swap(taken_, waiting_);
    lock.unlock();
    outcome = write_batch();
    if (end || outcome == Outcome::given_up) tell_at_ = {};
    tell_of_lost();
    lock.lock();
    give_back_spares();
    if (end && waiting_.buffers.empty()) return;  // otherwise it had something to say of itself
  }
}

void LogWriter::await_work(std::unique_lock<std::mutex>& lock) {
  const auto work = [this] { return stopping_ || !waiting_.buffers.empty() || waiting_.reopen_at; };
  if (dropped_lines() == told_)
    wake_.wait(lock, work);
  else
    wake_.wait_until(lock, tell_at_, work);
}

LogWriter::Outcome LogWriter::write_batch() {
  const auto reopen_at = std::exchange(taken_.reopen_at, std::nullopt);
  for (std::size_t i = 0; i < taken_.buffers.size(); ++i) {
    if (reopen_at == i) open_anew();
    const Outcome outcome = write_out(taken_.buffers[i]);
    taken_.buffers[i].clear();
    if (outcome == Outcome::written) continue;
    lose_what_waits();
    return outcome;
  }
  if (reopen_at == taken_.buffers.size()) open_anew();
  return Outcome::written;
}

void LogWriter::open_anew() {
  if (taken_.redirect)
    to_ = std::move(*std::exchange(taken_.redirect, std::nullopt));
  else if (to_.sink)
    to_.hooks.on_reopened(to_.sink->reopen());
}

LogWriter::Outcome LogWriter::write_out(std::string_view lines) {
  while (!lines.empty()) {
    LogSink::Taken taken = to_.sink->take(lines);
    lines.remove_prefix(taken.bytes);
    dropped_.fetch_add(taken.lost_lines, std::memory_order_relaxed);
    if (taken.why.empty()) continue;
    why_ = std::move(taken.why);
    if (taken.bytes > 0) continue;
    tell_of_lost();
    if (!stopping()) continue;
    dropped_.fetch_add(count_lines(lines), std::memory_order_relaxed);
    return Outcome::given_up;
  }
  return Outcome::written;
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
  if (!to_.hooks.on_lost(*this, {dropped - told_, why})) {
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
