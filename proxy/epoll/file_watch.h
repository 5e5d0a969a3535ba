// Says when a file may have become another one: saved in place, replaced by a rename, or reached by a
// symbolic link, somewhere on its path, that leads elsewhere by now (so Kubernetes swaps a mounted
// configuration). A burst of changes is said once. Loop thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "proxy/io/timer.h"

namespace weir::epoll {

class EpollRuntime;

class FileWatch final : io::TimerHandler {
 public:
  static constexpr base::Duration kQuiet = std::chrono::milliseconds(100);  // for so long, after the last one
  static constexpr base::Duration kMostBurst = std::chrono::seconds(1);
  static constexpr base::Duration kLookAgain = std::chrono::seconds(1);  // where the path leads nowhere

  FileWatch(EpollRuntime& runtime, std::string path, std::function<void()> changed);
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Whether the kernel lets it watch what the path leads to.
  bool works() const { return inotify_ != nullptr && leads_somewhere_; }
  void renew() { watch(); }  // the file has been found to be another, whether it was noticed or not

 private:
  class Inotify;

  void watch();
  bool watch_path();
  void on_event();
  void on_timer() override;

  EpollRuntime& runtime_;
  const std::string path_;
  const std::function<void()> changed_;
  io::Timer timer_;
  std::unique_ptr<Inotify> inotify_;
  base::Time burst_began_ = base::kNever;
  bool leads_somewhere_ = false;
};

}  // namespace weir::epoll
