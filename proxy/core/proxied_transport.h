// A client's connection that another proxy passes on: all is as below, but for its two ends, which are those
// that the proxy told. What is read comes from below directly. It belongs to its TransportPtr; loop thread
// only.
#pragma once

#include <utility>

#include "proxy/io/runtime.h"

namespace weir::core {

class ProxiedTransport final : public io::Transport {
 public:
  ProxiedTransport(io::Runtime& runtime, io::TransportPtr inner, const io::IpPort& client,
                   const io::IpPort& local)
      : runtime_(runtime), inner_(std::move(inner)), client_(client), local_(local) {}

  // Bytes that were read before anybody was here to take them.
  void deliver(std::string_view bytes) {
    if (handler_ != nullptr && !bytes.empty()) handler_->on_read(bytes);
  }

  void set_handler(io::TransportHandler& handler) override {
    handler_ = &handler;
    inner_->set_handler(handler);
  }
  std::size_t write(std::span<const std::string_view> pieces) override { return inner_->write(pieces); }
  void keep_little_unsent() override { inner_->keep_little_unsent(); }
  std::size_t unacknowledged() const override { return inner_->unacknowledged(); }
  std::size_t pending() const override { return inner_->pending(); }
  bool quiet() override { return inner_->quiet(); }
  void pause() override { inner_->pause(); }
  void resume() override { inner_->resume(); }
  void shutdown_write() override { inner_->shutdown_write(); }
  void reset() override {
    handler_ = nullptr;
    inner_->reset();
  }
  const io::Ip& peer() const override { return client_.ip; }
  std::uint16_t peer_port() const override { return client_.port; }
  io::IpPort local() const override { return local_; }
  void release() override {
    handler_ = nullptr;
    inner_.reset();
    runtime_.graveyard().retire(std::unique_ptr<ProxiedTransport>(this));
  }

 private:
  io::Runtime& runtime_;
  io::TransportPtr inner_;
  io::TransportHandler* handler_ = nullptr;  // from when on bytes may be delivered, until its end
  const io::IpPort client_;
  const io::IpPort local_;
};

}  // namespace weir::core
