#include "proxy/io/greeting.h"

#include <algorithm>
#include <span>
#include <utility>

namespace weir::io {

TransportPtr GreetingTransport::connect(Runtime& runtime, const Address& address, TransportHandler& handler,
                                        std::string_view greeting) {
  auto* transport = new GreetingTransport(runtime, handler, greeting);
  TransportPtr owned(transport);
  transport->inner_ = runtime.connect(address, *transport);
  return owned;
}

void GreetingTransport::on_connected() {
  const std::string_view greeting = greeting_;
  greeting_left_ = greeting.size() - inner_->write(std::span(&greeting, 1));
  greeting_ = {};
  handler_->on_connected();
}

void GreetingTransport::on_sent(std::size_t bytes) {
  const std::size_t own = std::min(bytes, greeting_left_);
  greeting_left_ -= own;
  if (bytes > own) handler_->on_sent(bytes - own);
}

void GreetingTransport::on_write_error(const base::Error& error) {
  greeting_left_ = 0;
  handler_->on_write_error(error);
}

void GreetingTransport::release() {
  inner_.reset();
  runtime_.graveyard().retire(std::unique_ptr<GreetingTransport>(this));
}

}  // namespace weir::io
