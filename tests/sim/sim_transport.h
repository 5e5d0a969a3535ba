// io::Transport over one side of a SimLink. It behaves as proxy/epoll's does; the contract suite holds both
// to it.
#pragma once

#include <string>

#include "tests/sim/sim_link.h"
#include "tests/sim/sim_runtime.h"

namespace weir::sim {

class SimTransport final : public io::Transport, private io::Deferred, private SimPollable {
 public:
  static io::TransportPtr connect(SimRuntime& runtime, const io::Address& address,
                                  io::TransportHandler& handler);
  static io::TransportPtr accept(SimRuntime& runtime, SimLink& link);

  void set_handler(io::TransportHandler& handler) override;
  std::size_t write(std::span<const std::string_view> pieces) override;
  std::size_t pending() const override { return waiting_.size() - sent_; }
  bool quiet() override;
  void pause() override { paused_ = true; }
  void resume() override;
  void shutdown_write() override;
  void reset() override;
  const io::Ip& peer() const override { return peer_; }
  std::uint16_t peer_port() const override { return peer_port_; }
  void release() override;

  // The process that connected. It must not be closed.
  std::uint32_t process() const { return link_->process(); }
  // Bytes that it wrote, and the other side has not read.
  std::size_t unread() const { return link_ == nullptr ? 0 : pending() + link_->unread(side_); }
  // The other side has closed it, which one that reads nothing does not see.
  bool left_alone() const { return link_ != nullptr && link_->closed(1 - side_); }
  // Bytes that the other side wrote, and this one has not read.
  std::size_t incoming() const {
    if (link_ == nullptr) return 0;
    const SimTransport* other = link_->transport(1 - side_);
    return link_->unread(1 - side_) + (other == nullptr ? 0 : other->pending());
  }

  void free() { delete this; }                // called by the runtime, once released
  void be_ready() { runtime_.ready(*this); }  // called by the link

 private:
  enum class Phase : std::uint8_t { connecting, open, failed, closed };
  enum class Writing : std::uint8_t { open, ending, ended, failed };

  SimTransport(SimRuntime& runtime, SimLink& link, SimLink::Side side, const io::Ip& peer,
               std::uint16_t port);
  ~SimTransport();

  void poll() override;
  void finish_connect();
  void read_some();
  void finish_reading(SimLink::End end);
  void write_some();
  void finish_writing();
  void run_deferred() override;
  bool may_read() const { return phase_ == Phase::open && !paused_ && !read_ended_ && handler_ != nullptr; }
  base::Error write_error() const;

  SimRuntime& runtime_;
  SimLink* link_;                           // null once closed
  SimRuntime::Carried* carried_ = nullptr;  // of its port, if it was accepted
  const SimLink::Side side_;
  io::TransportHandler* handler_ = nullptr;
  std::string waiting_;  // pending, from sent_ on
  std::size_t sent_ = 0;
  io::Ip peer_;
  std::uint16_t peer_port_;
  Phase phase_ = Phase::connecting;
  Writing writing_ = Writing::open;
  bool lacks_descriptor_ = false;  // when it was to connect
  bool paused_ = false;
  bool read_ended_ = false;
  bool ended_well_ = false;  // by FIN
};

}  // namespace weir::sim
