// io::Listener over one listening socket that is watched by one loop and owned by somebody else. It accepts
// with accept4, not with libuv: when descriptors run out libuv closes the clients that wait. Here they stay
// in the kernel's queue: the socket is left alone until one of the loop's transports closes, or 100 ms have
// passed.
#pragma once

#include <sys/socket.h>

#include "proxy/io/runtime.h"

namespace weir::uv {

class UvRuntime;

class UvListener final : public io::Listener, private io::TimerHandler, private io::Deferred {
 public:
  UvListener(UvRuntime& runtime, io::ListenSocket socket, io::AcceptHandler& handler);
  UvListener(const UvListener&) = delete;
  UvListener& operator=(const UvListener&) = delete;
  ~UvListener() override;

  void pause() override;
  void resume() override;

 private:
  struct Poll;
  enum class State : std::uint8_t { accepting, short_of_descriptors, paused };

  void start();
  void wait_for_descriptors();
  void accept_waiting();
  io::TransportPtr adopt(int fd, const sockaddr* peer);
  void on_timer() override { start(); }
  void run_deferred() override { start(); }

  UvRuntime& runtime_;
  io::ListenSocket socket_;
  io::AcceptHandler& handler_;
  State state_ = State::accepting;
  Poll* poll_;  // frees itself in its close callback
  io::Timer retry_;
};

}  // namespace weir::uv
