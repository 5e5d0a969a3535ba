#include "tests/sim/sim_listener.h"

#include <algorithm>

#include "tests/sim/sim_transport.h"

namespace weir::sim {

SimListener::SimListener(SimRuntime& runtime, SimListenSocket& socket, io::AcceptHandler& handler)
    : runtime_(runtime), socket_(socket), handler_(handler) {
  socket_.listeners.push_back(this);
  if (!socket_.queue.empty()) runtime_.ready(*this);
}

SimListener::~SimListener() {
  *alive_ = false;
  std::erase(socket_.listeners, this);
  if (!socket_.queue.empty()) wake(runtime_.world(), socket_);
}

void SimListener::pause() {
  paused_ = true;
  SimPollable::unlink();
  if (!socket_.queue.empty()) wake(runtime_.world(), socket_);
}

void SimListener::resume() {
  paused_ = false;
  if (!socket_.queue.empty()) runtime_.ready(*this);
}

void SimListener::wake(SimWorld& world, SimListenSocket& socket) {
  std::vector<SimListener*> able;
  for (SimListener* listener : socket.listeners) {
    if (!listener->paused_) able.push_back(listener);
  }
  if (able.empty()) return;
  SimListener& chosen = *able[world.random().between(0, able.size() - 1)];
  chosen.runtime_.ready(chosen);
}

void SimListener::poll() {
  const std::shared_ptr<bool> alive = alive_;
  SimRuntime& runtime = runtime_;
  while (*alive && !paused_ && !socket_.queue.empty()) {
    SimLink& link = *socket_.queue.front();
    socket_.queue.pop_front();
    handler_.on_accept(SimTransport::accept(runtime, link));
    runtime.end_callback();
  }
}

}  // namespace weir::sim
