// One of the demo's app servers: a listening socket, a thread that accepts, and a thread a connection, for at
// most kMaxConnections of them; further ones wait in the listen queue, and when three quarters are taken
// answers end their connections, so that those who wait get their turn. HTTP/1.1 with keep-alive; request
// bodies with a length are read and dropped, chunked ones are answered 411.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "proxy/server/demo.h"

namespace weir::server {

class DemoServer {
 public:
  static constexpr std::size_t kMaxConnections = 512;

  explicit DemoServer(DemoAddress address) : address_(std::move(address)) {}
  ~DemoServer();
  DemoServer(const DemoServer&) = delete;
  DemoServer& operator=(const DemoServer&) = delete;

  // Binds and listens. Empty, or what went wrong.
  [[nodiscard]] std::string listen();
  void serve();  // after listen(): starts the accepting thread

 private:
  struct Connection {
    int fd;
    std::thread thread;
    bool over = false;
  };
  struct Request {
    std::string method, path, query, forwarded_for;
    std::size_t body = 0;
    enum class Framing : std::uint8_t { plain, unsupported } framing = Framing::plain;
    enum class After : std::uint8_t { keep_alive, close } after = After::keep_alive;
  };
  struct Answer {
    int status;
    std::string text;
  };

  void accept_loop();
  void wait_for_room();
  void join_finished();
  bool crowded();
  void converse(Connection& connection);
  bool read_head(int fd, std::string& buffer, std::string& head);
  bool drop_body(int fd, std::string& buffer, std::size_t size);
  static Request parse(std::string_view head);
  Answer answer(const Request& request);
  void sleep_for_query(std::string_view query);

  DemoAddress address_;
  int listener_ = -1;
  std::thread acceptor_;
  std::mutex mutex_;                 // guards connections_ and stopping_
  std::condition_variable changed_;  // a connection ended, or stopping
  std::list<Connection> connections_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> requests_ = 0;
  std::atomic<bool> failing_ = false;
};

}  // namespace weir::server
