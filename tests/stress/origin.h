// An app server for the stress test: a thread a connection, blocking. It answers with the request's path, so
// that a client can tell its answer from another's, and now and then behaves badly: it closes a connection
// behind an answer or instead of one, and fails its checks for a while.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weir::stress {

class Origin {
 public:
  Origin();
  ~Origin();  // closes every connection and joins
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  std::string address() const;  // 127.0.0.1:PORT
  void be_ill(bool ill) { ill_ = ill; }
  std::uint64_t served() const { return served_; }

 private:
  void accept();
  void serve(int fd);

  int listener_;
  std::atomic<bool> ill_{false};
  std::atomic<std::uint64_t> served_{0};
  std::mutex mutex_;  // guards those below
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace weir::stress
