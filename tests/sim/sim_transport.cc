#include "tests/sim/sim_transport.h"

#include <utility>

namespace weir::sim {

SimTransport::SimTransport(SimRuntime& runtime, SimLink& link, SimLink::Side side, const io::Ip& peer,
                           std::uint16_t port)
    : runtime_(runtime), link_(&link), side_(side), peer_(peer), peer_port_(port) {
  link.attach(side, this);
}

SimTransport::~SimTransport() = default;

io::TransportPtr SimTransport::connect(SimRuntime& runtime, const io::Address& address,
                                       io::TransportHandler& handler) {
  const bool able = runtime.has_descriptors();
  auto& link = able ? *new SimLink(runtime.world(), address)
                    : *new SimLink(runtime.world(), address, SimWorld::Fate::fails_at_once);
  link.come_from(runtime.process());
  auto* transport = new SimTransport(runtime, link, SimLink::kConnected, address.ip, address.port);
  transport->handler_ = &handler;
  transport->lacks_descriptor_ = !able;
  return io::TransportPtr(transport);
}

io::TransportPtr SimTransport::accept(SimRuntime& runtime, SimLink& link) {
  const bool over_ip = link.server().kind == io::Address::Kind::ip;
  const io::Ip peer = over_ip ? *io::Ip::parse("127.0.0.1") : io::Ip{};
  const std::uint16_t port = over_ip ? link.client_port() : 0;
  auto* transport = new SimTransport(runtime, link, SimLink::kAccepted, peer, port);
  transport->phase_ = Phase::open;
  transport->carried_ = &runtime.carried(link.server().port);
  return io::TransportPtr(transport);
}

void SimTransport::set_handler(io::TransportHandler& handler) {
  if (phase_ == Phase::closed) return;
  handler_ = &handler;
  be_ready();
}

bool SimTransport::quiet() {
  return phase_ == Phase::open && !read_ended_ && link_->readable(side_) == 0 &&
         link_->read_end(side_) == SimLink::End::none;
}

void SimTransport::resume() {
  if (!std::exchange(paused_, false) || phase_ != Phase::open) return;
  be_ready();
}

// Reading first, as in proxy/epoll; the handler may close this in any callback, so release() keeps it until
// the turn is over.
void SimTransport::poll() {
  if (phase_ == Phase::connecting) finish_connect();
  if (may_read()) read_some();
  if (phase_ == Phase::open) write_some();
}

void SimTransport::finish_connect() {
  if (link_->outcome() == SimLink::Outcome::waiting) return;
  if (link_->outcome() == SimLink::Outcome::refused) {
    phase_ = Phase::failed;
    waiting_.clear();
    sent_ = 0;
    if (lacks_descriptor_)
      handler_->on_connect_failed({.reason = base::Reason::overloaded,
                                   .fault = base::Fault::ourselves,
                                   .status = 503,
                                   .detail = "no descriptor is free"});
    else
      handler_->on_connect_failed({.reason = base::Reason::connect_refused,
                                   .fault = base::Fault::upstream,
                                   .retry = base::Retry::not_processed,
                                   .detail = "connection refused"});
  } else {
    phase_ = Phase::open;
    if (writing_ == Writing::ending && pending() == 0) finish_writing();
    handler_->on_connected();
  }
  runtime_.end_callback();
}

void SimTransport::read_some() {
  if (link_->readable(side_) > 0) {
    const std::size_t n = link_->read(side_, runtime_.read_buffer(), SimRuntime::kReadBuffer);
    runtime_.lent(n);
    if (carried_ != nullptr) carried_->from_clients += n;
    handler_->on_read({runtime_.read_buffer(), n});
    runtime_.end_callback();
    if (may_read() && (link_->readable(side_) > 0 || link_->read_end(side_) != SimLink::End::none))
      be_ready();
  } else if (const SimLink::End end = link_->read_end(side_); end != SimLink::End::none) {
    finish_reading(end);
  }
}

void SimTransport::finish_reading(SimLink::End end) {
  read_ended_ = true;
  ended_well_ = end == SimLink::End::fin;
  if (ended_well_) {
    handler_->on_read_end();
  } else {
    handler_->on_read_error({.reason = base::Reason::internal, .detail = "connection reset by peer"});
  }
  runtime_.end_callback();
}

std::size_t SimTransport::write(std::span<const std::string_view> pieces) {
  if (writing_ != Writing::open || phase_ > Phase::open) return 0;
  if (phase_ == Phase::open && link_->broken(side_)) {
    writing_ = Writing::failed;
    waiting_.clear();
    sent_ = 0;
    runtime_.defer(*this);
    return 0;
  }
  std::size_t sent = 0;
  bool all = phase_ == Phase::open && pending() == 0;
  for (std::string_view piece : pieces) {
    if (all) {
      const std::size_t n = link_->write(side_, piece);
      sent += n;
      if (carried_ != nullptr) carried_->to_clients += n;
      all = n == piece.size();
      piece.remove_prefix(n);
    }
    waiting_.append(piece);
  }
  runtime_.kept(pending());
  return sent;
}

void SimTransport::write_some() {
  const bool broken = link_->broken(side_);
  const bool behind_end = broken && ended_well_ && writing_ == Writing::open;
  if (pending() == 0 && !behind_end) return;
  std::size_t n = 0;
  if (broken) {
    writing_ = Writing::failed;
    waiting_.clear();
    sent_ = 0;
    if (handler_ != nullptr) handler_->on_write_error(write_error());
  } else {
    n = link_->write(side_, std::string_view(waiting_).substr(sent_));
    if (n == 0) return;
    sent_ += n;
    if (carried_ != nullptr) carried_->to_clients += n;
    if (sent_ == waiting_.size()) {
      waiting_.clear();
      sent_ = 0;
      if (writing_ == Writing::ending) finish_writing();
    }
    if (handler_ != nullptr) handler_->on_sent(n);
  }
  runtime_.end_callback();
}

void SimTransport::shutdown_write() {
  if (writing_ != Writing::open || phase_ > Phase::open) return;
  writing_ = Writing::ending;
  if (phase_ == Phase::open && pending() == 0) finish_writing();
}

void SimTransport::finish_writing() {
  writing_ = Writing::ended;
  link_->shutdown(side_);
}

void SimTransport::run_deferred() {
  if (handler_ != nullptr) handler_->on_write_error(write_error());
}

base::Error SimTransport::write_error() const {
  return {.reason = base::Reason::internal, .detail = "broken pipe"};
}

void SimTransport::reset() {
  if (phase_ == Phase::closed) return;
  phase_ = Phase::closed;
  handler_ = nullptr;
  waiting_.clear();
  sent_ = 0;
  Deferred::unlink();
  SimPollable::unlink();
  std::exchange(link_, nullptr)->reset(side_);
}

void SimTransport::release() {
  if (phase_ != Phase::closed) {
    phase_ = Phase::closed;
    handler_ = nullptr;
    Deferred::unlink();
    SimPollable::unlink();
    std::exchange(link_, nullptr)->close(side_);
  }
  runtime_.bury(*this);
}

}  // namespace weir::sim
