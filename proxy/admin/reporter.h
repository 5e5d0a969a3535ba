// The thread that makes texts out of live counts, however long they take: metrics, pools, the dashboard's
// feed. The control thread asks it and goes on. It also takes the readings each second that rates are made
// of. Questions are answered in order; on destruction those that wait are
// dropped.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "proxy/admin/recent.h"
#include "proxy/admin/scene.h"

namespace weir::admin {

class Reporter {
 public:
  explicit Reporter(std::shared_ptr<const Scene> scene);
  ~Reporter();  // waits for the text that is being made
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  void publish(std::shared_ptr<const Scene> scene);
  // Both are called on the reporter's thread.
  using Make = std::function<std::string(const Scene&, const Recent&)>;
  using Done = std::function<void(std::string text)>;
  // False if too many wait already.
  [[nodiscard]] bool ask(Make make, Done done);

 private:
  struct Question {
    Make make;
    Done done;
  };
  static constexpr std::size_t kMostQuestions = 64;
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const Scene> scene_;
  std::deque<Question> questions_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weir::admin
