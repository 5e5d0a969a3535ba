// A client of the stress test: a thread of its own that asks over one connection after the other, checks that
// each answer is its own, and leaves now and then without waiting for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace weir::stress {

class Client {
 public:
  Client(std::uint16_t port, unsigned number);
  ~Client();  // ends it and joins
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::uint64_t answered() const { return answered_; }  // 200, by a node
  std::uint64_t refused() const { return refused_; }    // by Weir
  // An answer that was another request's, or no HTTP; "" if there was none. Once the client has ended.
  const std::string& wrong() const { return wrong_; }
  void end();

 private:
  void run();
  void use_connection(int fd);

  const std::uint16_t port_;
  const unsigned number_;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> answered_{0}, refused_{0};
  std::string wrong_;
  std::uint64_t asked_ = 0;
  std::thread thread_;
};

}  // namespace weir::stress
