#include "proxy/admin/reporter.h"

#include <chrono>
#include <optional>
#include <utility>

namespace weir::admin {
namespace {

using Clock = std::chrono::steady_clock;

base::Time present() {
  return base::Time(Clock::now().time_since_epoch());
}

}  // namespace

Reporter::Reporter(std::shared_ptr<const Scene> scene)
    : scene_(std::move(scene)), thread_([this] { run(); }) {}

Reporter::~Reporter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Reporter::publish(std::shared_ptr<const Scene> scene) {
  std::lock_guard lock(mutex_);
  scene_.swap(scene);
}

bool Reporter::ask(Make make, Done done) {
  {
    std::lock_guard lock(mutex_);
    if (questions_.size() >= kMostQuestions) return false;
    questions_.push_back({std::move(make), std::move(done)});
  }
  wake_.notify_one();
  return true;
}

void Reporter::run() {
  Recent recent;
  auto next = Clock::now();
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_until(lock, next, [this] { return stopping_ || !questions_.empty(); });
    if (stopping_) return;
    const std::shared_ptr<const Scene> scene = scene_;
    std::optional<Question> question;
    if (!questions_.empty()) {
      question = std::move(questions_.front());
      questions_.pop_front();
    }
    lock.unlock();
    if (Clock::now() >= next) {
      recent.sample(*scene->snapshot, present());
      next = std::max(next + Recent::kEach, Clock::now());
    }
    if (question) question->done(question->make(*scene, recent));
    question.reset();
    lock.lock();
  }
}

}  // namespace weir::admin
