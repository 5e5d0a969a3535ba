// io::Listener of a simulated listening socket. Several loops may listen on one socket; the seed decides
// which of them accepts.
#pragma once

#include "tests/sim/sim_runtime.h"

namespace weir::sim {

class SimListener final : public io::Listener, private SimPollable {
 public:
  SimListener(SimRuntime& runtime, SimListenSocket& socket, io::AcceptHandler& handler);
  SimListener(const SimListener&) = delete;
  SimListener& operator=(const SimListener&) = delete;
  ~SimListener() override;

  void pause() override;
  void resume() override;

  // A connection has come: one of the listeners that are not paused hears of it.
  static void wake(SimWorld& world, SimListenSocket& socket);

 private:
  void poll() override;

  SimRuntime& runtime_;
  SimListenSocket& socket_;
  io::AcceptHandler& handler_;
  bool paused_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // its handler may destroy it
};

}  // namespace weir::sim
