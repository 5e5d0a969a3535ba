// io::Listener over one listening socket that is watched by one loop and owned by somebody else. When
// descriptors run out, clients stay in the kernel's queue: the socket is left alone until one of the loop's
// transports closes, or 100 ms have passed.
#pragma once

#include <sys/socket.h>

#include <memory>

#include "proxy/io/runtime.h"

namespace weir::epoll {

class EpollRuntime;

class EpollListener final : public io::Listener, private io::TimerHandler, private io::Deferred {
 public:
  EpollListener(EpollRuntime& runtime, io::ListenSocket socket, io::AcceptHandler& handler);
  EpollListener(const EpollListener&) = delete;
  EpollListener& operator=(const EpollListener&) = delete;
  ~EpollListener() override;

  void pause() override;
  void resume() override;

 private:
  struct Poll;
  enum class State : std::uint8_t { accepting, short_of_descriptors, paused };

  void start();
  bool may_accept() const;
  void wait_for_descriptors();
  bool somebody_waits() const;
  void accept_waiting();
  io::TransportPtr adopt(int fd, const sockaddr* peer);
  void on_timer() override { start(); }
  void run_deferred() override { start(); }

  EpollRuntime& runtime_;
  io::ListenSocket socket_;
  io::AcceptHandler& handler_;
  State state_ = State::accepting;
  std::unique_ptr<Poll> poll_;  // ends in the graveyard
  io::Timer retry_;
};

}  // namespace weir::epoll
