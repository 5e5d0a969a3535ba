#include "proxy/console/feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <utility>

namespace weir::console {
namespace {

constexpr std::chrono::seconds kRefresh{1};

int make_event() {
  return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

}  // namespace

Fetched fetch(const AdminClient& client, const std::vector<std::string>& paths) {
  Fetched fetched;
  for (const std::string& path : paths) {
    auto answer = client.get(path);
    if (!answer) return {{}, answer.error()};
    fetched.answers.push_back(std::move(*answer));
  }
  return fetched;
}

Feed::Feed(const AdminPlace& place, std::vector<std::string> paths)
    : paths_(std::move(paths)),
      ready_(make_event()),
      cancel_(make_event()),
      client_(place, cancel_),
      thread_([this] { run(); }) {}

Feed::~Feed() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ending_soon_.notify_one();
  ::eventfd_write(cancel_, 1);
  thread_.join();
  ::close(ready_);
  ::close(cancel_);
}

std::optional<Fetched> Feed::take() {
  eventfd_t count = 0;
  ::eventfd_read(ready_, &count);
  const std::lock_guard lock(mutex_);
  return std::exchange(latest_, std::nullopt);
}

void Feed::run() {
  while (wait_a_second()) {
    Fetched fetched = fetch(client_, paths_);
    const std::lock_guard lock(mutex_);
    latest_ = std::move(fetched);
    ::eventfd_write(ready_, 1);
  }
}

// False: it is to end.
bool Feed::wait_a_second() {
  std::unique_lock lock(mutex_);
  return !ending_soon_.wait_for(lock, kRefresh, [this] { return ending_; });
}

}  // namespace weir::console
