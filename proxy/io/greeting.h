// A connection to a node that begins with bytes of Weir's own, before all else, such as the header of the
// PROXY protocol: they are sent as soon as it stands, and are not among the bytes that the handler hears of.
// Then all is as below. It belongs to its TransportPtr; loop thread only.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/io/runtime.h"

namespace weir::io {

class GreetingTransport final : public Transport, TransportHandler {
 public:
  // As Runtime::connect() does.
  static TransportPtr connect(Runtime& runtime, const Address& address, TransportHandler& handler,
                              std::string_view greeting);

  void set_handler(TransportHandler& handler) override { handler_ = &handler; }
  std::size_t write(std::span<const std::string_view> pieces) override { return inner_->write(pieces); }
  std::size_t pending() const override {
    return inner_->pending() - std::min(inner_->pending(), greeting_left_);
  }
  bool quiet() override { return inner_->quiet(); }
  void pause() override { inner_->pause(); }
  void resume() override { inner_->resume(); }
  void shutdown_write() override { inner_->shutdown_write(); }
  void reset() override { inner_->reset(); }
  const Ip& peer() const override { return inner_->peer(); }
  std::uint16_t peer_port() const override { return inner_->peer_port(); }
  IpPort local() const override { return inner_->local(); }
  void release() override;

 private:
  GreetingTransport(Runtime& runtime, TransportHandler& handler, std::string_view greeting)
      : runtime_(runtime), handler_(&handler), greeting_(greeting) {}

  void on_connected() override;
  void on_connect_failed(const base::Error& error) override { handler_->on_connect_failed(error); }
  void on_read(std::string_view bytes) override { handler_->on_read(bytes); }
  void on_read_end() override { handler_->on_read_end(); }
  void on_read_error(const base::Error& error) override { handler_->on_read_error(error); }
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;

  Runtime& runtime_;
  TransportHandler* handler_;
  TransportPtr inner_;
  std::string greeting_;
  std::size_t greeting_left_ = 0;  // bytes of it that are pending below
};

}  // namespace weir::io
