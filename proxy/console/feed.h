// What the admin port says, anew each second, fetched on a thread of its own so that whoever shows it goes on
// hearing keys while an answer is slow. Made and ended on one thread; ending it waits for no answer.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/console/admin_client.h"

namespace weir::console {

// Answers to all that was asked, or why there are none.
struct Fetched {
  std::vector<AdminAnswer> answers;  // parallel to the paths
  std::string failure;               // "": the answers are there
};

// The answers to these paths, one after the other.
Fetched fetch(const AdminClient& client, const std::vector<std::string>& paths);

class Feed {
 public:
  Feed(const AdminPlace& place, std::vector<std::string> paths);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  int fd() const { return ready_; }  // readable when there is something to take
  std::optional<Fetched> take();     // the latest, once

 private:
  void run();
  bool wait_a_second();

  const std::vector<std::string> paths_;
  const int ready_;   // eventfd
  const int cancel_;  // eventfd
  AdminClient client_;
  std::mutex mutex_;  // guards latest_ and ending_
  std::condition_variable ending_soon_;
  std::optional<Fetched> latest_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace weir::console
