#include "proxy/core/introduction.h"

#include <algorithm>
#include <utility>

#include "proxy/core/data_path.h"

namespace weir::core {

using codec::ProxyHeader;
using codec::ProxyHeaderReader;
using observe::ProxyHeaderFailure;

namespace {

ProxyHeaderReader::Takes taken_by(config::ProxyProtocol configured) {
  switch (configured) {
    case config::ProxyProtocol::v1:
      return ProxyHeaderReader::Takes::v1;
    case config::ProxyProtocol::v2:
      return ProxyHeaderReader::Takes::v2;
    default:
      return ProxyHeaderReader::Takes::any;
  }
}

}  // namespace

Introduction::Introduction(DataPath& path, io::TransportPtr transport, observe::ListenerShare& listener,
                           std::shared_ptr<const ListenerTerms> terms)
    : ClientConnection(listener),
      path_(path),
      transport_(std::move(transport)),
      terms_(std::move(terms)),
      reader_(taken_by(terms_->proxy_protocol)),
      timer_(path.runtime().timers(), *this) {
  listener_.clients_in(observe::ClientState::reading).add();
  timer_.set(base::deadline(path_.runtime().now(), path_.timeouts().header));
  transport_->set_handler(*this);
}

void Introduction::drain(base::Duration idle) {
  grace_ = idle;
  if (!closed_) timer_.set(std::min(timer_.at(), base::deadline(path_.runtime().now(), idle)));
}

void Introduction::cut(const base::Error&) {
  if (closed_) return;
  transport_->reset();
  close();
}

void Introduction::on_read(std::string_view bytes) {
  const std::size_t size = bytes.size();
  const ProxyHeaderReader::State state = reader_.read(bytes);
  listener_.received_bytes.add(state == ProxyHeaderReader::State::done ? size - bytes.size() : size);
  switch (state) {
    case ProxyHeaderReader::State::more:
      return;
    case ProxyHeaderReader::State::done:
      return enter(bytes);
    case ProxyHeaderReader::State::missing:
      return fail(ProxyHeaderFailure::missing);
    case ProxyHeaderReader::State::malformed:
      return fail(ProxyHeaderFailure::malformed);
  }
}

// Of its own connections a proxy says nothing of a client: its address stays.
void Introduction::enter(std::string_view rest) {
  closed_ = true;
  timer_.cancel();
  listener_.clients_in(observe::ClientState::reading).take();
  io::IpPort client{transport_->peer(), transport_->peer_port()}, local;
  const ProxyHeader& header = reader_.header();
  if (header.kind == ProxyHeader::Kind::local) local = transport_->local();
  if (header.kind == ProxyHeader::Kind::addresses) client = header.source, local = header.destination;
  if (header.kind == ProxyHeader::Kind::unix_peer) client = {};
  auto* proxied = new ProxiedTransport(path_.runtime(), std::move(transport_), client, local);
  path_.take_over(*this, io::TransportPtr(proxied), *terms_, grace_);
  proxied->deliver(rest);
}

// Who leaves without a word is as usual: somebody looks whether the port is open.
void Introduction::on_read_end() {
  if (reader_.begun()) return fail(ProxyHeaderFailure::malformed);
  close();
}

void Introduction::on_read_error(const base::Error&) {
  on_read_end();
}

void Introduction::on_timer() {
  fail(ProxyHeaderFailure::timeout);
}

void Introduction::fail(ProxyHeaderFailure why) {
  listener_.proxy_headers.add(why);
  path_.refusal_log().note_proxy_header(why, transport_->peer(), path_.runtime().now());
  close();
}

void Introduction::close() {
  if (std::exchange(closed_, true)) return;
  listener_.closed.add();
  listener_.clients_in(observe::ClientState::reading).take();
  timer_.cancel();
  transport_.reset();
  path_.retire(*this);
}

}  // namespace weir::core
