#include "proxy/core/downstream_connection.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "proxy/core/data_path.h"
#include "proxy/core/exchange.h"
#include "proxy/core/local_reply.h"
#include "proxy/http/uri.h"
#include "proxy/policy/min_rate.h"

namespace weir::core {

static_assert(static_cast<std::size_t>(codec::H2Limit::acks) <
              decltype(observe::ListenerShare::h2_limits)().size());

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

namespace {

// A client that has just come is about to ask, and does not count as idle.
constexpr base::Duration kFirstRequest = std::chrono::seconds(1);

}  // namespace

DownstreamConnection::DownstreamConnection(DataPath& path, io::TransportPtr transport,
                                           observe::ListenerShare& listener, const ListenerTerms& terms)
    : ClientConnection(listener),
      path_(path),
      transport_(std::move(transport)),
      arrival_{.peer = &transport_->peer(),
               .transport = transport_.get(),
               .scheme = "http",
               .listener = &listener,
               .https = terms.https,
               .admission = terms.admission},
      h1_(*this, path.scratch()),
      timer_(path.runtime().timers(), *this),
      pace_{path.timeouts().body, path.timeouts().min_rate},
      undecided_(terms.protocol == config::Protocol::any) {
  set_due(base::deadline(path_.runtime().now(), path_.idle_timeout()));
  if (terms.protocol == config::Protocol::h2) speak_h2();
  begin();
}

DownstreamConnection::DownstreamConnection(DataPath& path, tls::TlsTransport& transport,
                                           observe::ListenerShare& listener, const ListenerTerms& terms)
    : ClientConnection(listener),
      path_(path),
      transport_(&transport),
      tls_(&transport),
      arrival_{.peer = &transport_->peer(),
               .transport = transport_.get(),
               .scheme = "https",
               .listener = &listener,
               .https = terms.https,
               .admission = terms.admission},
      h1_(*this, path.scratch()),
      timer_(path.runtime().timers(), *this),
      pace_{path.timeouts().body, path.timeouts().min_rate},
      waiting_(Waiting::handshake),
      h2_alone_(terms.protocol == config::Protocol::h2) {
  set_due(base::deadline(path_.runtime().now(), path_.timeouts().header));
  begin();
}

void DownstreamConnection::begin() {
  idle_since_ = path_.runtime().now() + kFirstRequest;
  listener_.clients_in(state_of(waiting_)).add();
  transport_->set_handler(*this);
}

DownstreamConnection::~DownstreamConnection() = default;

void DownstreamConnection::speak_h2() {
  undecided_ = false;
  codec::ServerCodecOwner& owner = *this;
  h2_ = std::make_unique<codec::H2Server>(owner, path_.scratch(), path_.draw());
  io::Flushable& connection = *this;
  late_ = std::make_unique<LateFlush>(path_.runtime(), connection);
  codec_ = h2_.get();
  transport_->keep_little_unsent();
  if (draining_) codec_->drain();
  on_codec_changed();
}

void DownstreamConnection::drain(base::Duration idle) {
  if (!draining_) drained_at_ = path_.runtime().now();
  draining_ = true;
  codec_->drain();
  if (waiting_ == Waiting::request) set_due(std::min(due_, base::deadline(path_.runtime().now(), idle)));
}

void DownstreamConnection::cut(const Error& error) {
  const bool whole = !codec_->in_stream() && transport_->pending() == 0;
  codec_->abandon(error);
  if (!whole) transport_->reset();
  close();
}

base::Time DownstreamConnection::idle_since() const {
  return waiting_ == Waiting::request && !closed_ ? idle_since_ : base::kNever;
}

void DownstreamConnection::end_idle() {
  if (idle_since() == base::kNever) return;
  due_ = path_.runtime().now();
  on_timer();
}

std::size_t DownstreamConnection::held() const {
  return closed_ ? 0 : transport_->pending() + codec_->held_bytes();
}

observe::ClientState DownstreamConnection::state_of(Waiting waiting) {
  switch (waiting) {
    case Waiting::request:
      return observe::ClientState::idle;
    case Waiting::handshake:
    case Waiting::head:
      return observe::ClientState::reading;
    case Waiting::exchange:
      return observe::ClientState::active;
    case Waiting::tunnel:
      return observe::ClientState::tunnel;
    case Waiting::client:
    case Waiting::lingering:
      break;
  }
  return observe::ClientState::closing;
}

void DownstreamConnection::wait_for(Waiting what) {
  listener_.clients_in(state_of(waiting_)).take();
  const bool is_first = waiting_ == Waiting::handshake;
  waiting_ = what;
  if (what == Waiting::request)
    idle_since_ = path_.runtime().now() + (is_first ? kFirstRequest : base::Duration::zero());
  listener_.clients_in(state_of(what)).add();
}

// The end of an answer is all in the transport, so that it is known how long it may take at the slowest, with
// one silence.
void DownstreamConnection::await_tail() {
  const base::Time now = path_.runtime().now();
  wait_for(Waiting::client);
  set_due(base::deadline(now, pace_.body));
  tail_until_ = base::kNever;
  if (pace_.min_rate == 0) return;
  const auto at_least_rate = std::chrono::seconds(transport_->pending() / pace_.min_rate);
  tail_until_ = base::deadline(due_, std::max<base::Duration>(policy::MinRate::kWindow, at_least_rate));
}

// At its end: a limit that was gone beyond ends the connection.
void DownstreamConnection::note_limit() {
  const codec::H2Limit limit = h2_ ? h2_->limit_hit() : codec::H2Limit::none;
  if (limit != codec::H2Limit::none) listener_.h2_limits[static_cast<std::size_t>(limit)].add();
}

void DownstreamConnection::close() {
  if (closed_) return;
  closed_ = true;
  listener_.closed.add();
  if (!lingering_) note_limit();
  listener_.clients_in(state_of(waiting_)).take();
  timer_.cancel();
  transport_.reset();
  base::ListHook<io::FlushTag>::unlink();
  if (to_resume_) path_.forget_resume(*this);
  path_.retire(*this);
}

void DownstreamConnection::on_connected() {
  listener_.handshakes.add(tls_->version(), tls_->resumed());
  encounter_ = std::make_unique<Encounter>(Encounter{tls_->identity(), {}});
  if (encounter_->identity) arrival_.identity = &*encounter_->identity;
  arrival_.hosts = this;
  if (h2_alone_ || tls_->protocol() == "h2") speak_h2();
  wait_for(Waiting::request);
  set_due(base::deadline(path_.runtime().now(), path_.idle_timeout()));
}

// Nearly always it is the host of the request before.
bool DownstreamConnection::is_misdirected(std::string_view authority) {
  if (authority == encounter_->host) return false;
  if (!tls_->serves(http::host_without_port(authority))) return true;
  encounter_->host = authority;
  return false;
}

// Who speaks HTTP without TLS is told so, without.
void DownstreamConnection::on_connect_failed(const Error&) {
  const tls::Failure why = tls_->failure();
  listener_.handshakes.add(why);
  if (why != tls::Failure::http_request) return close();
  transport_ = tls_->take_inner();
  tls_ = nullptr;
  arrival_ = {
      .peer = &transport_->peer(), .transport = transport_.get(), .scheme = "http", .listener = &listener_};
  wait_for(Waiting::head);
  transport_->set_handler(*this);
  codec_->refuse_head({Reason::bad_request, Fault::downstream, Retry::never, 400,
                       "this port speaks TLS: the address begins with https://"});
}

void DownstreamConnection::on_read(std::string_view bytes) {
  listener_.received_bytes.add(bytes.size());
  if (lingering_) {
    lingered_ += static_cast<std::uint32_t>(bytes.size());
    if (lingered_ > kLingerBytes) close();
    return;
  }
  if (undecided_ && is_undecided(bytes)) return;
  if (h2_) return h2_->receive(bytes, path_.runtime().now());
  h1_.receive(bytes);
}

// HTTP/2 in clear begins with its preface (RFC 9113 3.3); who has said less than that may yet go on with it.
bool DownstreamConnection::is_undecided(std::string_view& bytes) {
  using Preface = codec::H2Server::Preface;
  if (first_) {
    path_.scratch().spent = first_->append(bytes);
    bytes = path_.scratch().spent;
    first_.reset();
  }
  const Preface preface = codec::H2Server::recognise(bytes);
  if (preface == Preface::maybe) {
    first_ = std::make_unique<std::string>(bytes);
    if (waiting_ == Waiting::head) return true;
    wait_for(Waiting::head);
    set_due(base::deadline(path_.runtime().now(), path_.timeouts().header));
    return true;
  }
  undecided_ = false;
  if (preface == Preface::yes) speak_h2();
  return false;
}

void DownstreamConnection::on_read_end() {
  read_ended_ = true;
  if (first_) {
    path_.scratch().spent = *std::exchange(first_, nullptr);
    codec_->receive(path_.scratch().spent, path_.runtime().now());
  }
  codec_->receive_end();
}

void DownstreamConnection::on_read_error(const Error&) {
  codec_->receive_error();
}

void DownstreamConnection::on_sent(std::size_t bytes) {
  listener_.sent_bytes.add(bytes);
  if (waiting_ == Waiting::client)
    set_due(std::min(base::deadline(path_.runtime().now(), pace_.body), tail_until_));
  codec_->sent(bytes);
  on_codec_changed();
}

void DownstreamConnection::on_write_error(const Error&) {
  codec_->send_failed();
}

http::StreamHandler& DownstreamConnection::on_stream(http::Stream& stream) {
  Exchange& exchange = path_.take_exchange();
  pace_ = {path_.timeouts().body, path_.timeouts().min_rate};
  const base::Time now = path_.runtime().now();
  if (now >= leave_at_) drain(path_.idle_timeout());
  if (h2_ && base::deadline(drained_at_, kDrainNotice) <= now) h2_->finish_drain();
  wait_for(Waiting::exchange);
  set_due(base::kNever);
  exchange.begin(stream, arrival_, pace_);
  return exchange;
}

void DownstreamConnection::on_refused(http::Stream& stream, const Error& error) {
  listener_.requests.add();
  listener_.refused.add(error.reason);
  path_.refuse(stream, error, arrival_);
}

void DownstreamConnection::on_codec_changed() {
  if (!closed_) path_.runtime().touch(*this);
}

void DownstreamConnection::resume() {
  to_resume_ = false;
  codec_->resume();
}

void DownstreamConnection::flush() {
  if (!h2_) return flush(h1_);
  if (late_->is_due() || !h2_->keep_lent()) return flush(*h2_);
  late_->ask();
}

template <class Codec>
void DownstreamConnection::flush(Codec& codec) {
  if (closed_) return;
  while (write(codec) && codec.wants_room() && transport_->pending() == 0) continue;
  if (!closed_) settle(codec);
}

// Whether there was something, and may be more.
template <class Codec>
bool DownstreamConnection::write(Codec& codec) {
  if constexpr (std::is_same_v<Codec, codec::H2Server>) {
    const std::uint64_t framed = codec.counters().data_framed;
    codec.produce(kMostFramed - std::min(kMostFramed, transport_->pending()));
    // Answers whose exchanges are over leave as the client opens its windows, and by nothing else.
    if (codec.counters().data_framed > framed) restart_starving();
  }
  codec::OutQueue& queue = codec.queue();
  if (closed_ || !queue.has_output()) return false;
  const std::size_t taken = transport_->write(queue.gather());
  queue.taken();
  listener_.sent_bytes.add(taken);
  codec.sent(taken);
  return taken > 0 && !closed_;
}

template <class Codec>
void DownstreamConnection::settle(Codec& codec) {
  switch (codec.next()) {
    case codec::Next::keep:
      break;
    case codec::Next::shutdown_write:
      transport_->shutdown_write();
      codec.shutdown_done();
      break;
    case codec::Next::linger:
      return linger();
    case codec::Next::close:
      return close();
    case codec::Next::reset:
      transport_->reset();
      return close();
  }
  if (codec.wants_read())
    transport_->resume();
  else
    transport_->pause();
  if (!to_resume_ && codec.has_held() && transport_->pending() < kMostPending) {
    to_resume_ = true;
    path_.resume_later(*this);
  }
  set_clock(codec);
}

// FIN behind what is pending; then what still comes is dropped for a while, so that the client can read the
// answer before a RST could destroy it (RFC 9112 9.6). A client that is done sends nothing, so nothing is
// waited for.
void DownstreamConnection::linger() {
  const bool nothing_comes = read_ended_ || codec_->client_is_done();
  if (nothing_comes && transport_->pending() == 0) return close();
  if (!lingering_) {
    note_limit();
    lingering_ = true;
    transport_->shutdown_write();
    transport_->resume();
  }
  if (transport_->pending() > 0) {
    if (waiting_ == Waiting::client) return;
    return await_tail();
  }
  if (waiting_ == Waiting::lingering) return;
  wait_for(Waiting::lingering);
  set_due(base::deadline(path_.runtime().now(), kLingerTime));
}

template <class Codec>
void DownstreamConnection::set_clock(Codec& codec) {
  if constexpr (std::is_same_v<Codec, codec::H2Server>) watch_head(codec.head_stream());
  if (codec.has_orphans()) {
    if (waiting_ == Waiting::client) return;
    wait_for(Waiting::client);
    tail_until_ = base::kNever;
    if (starved_since_ == base::kNever) {
      starved_since_ = path_.runtime().now();
      if constexpr (std::is_same_v<Codec, codec::H2Server>) codec.mark_orphans();
    }
    return set_due(base::deadline(starved_since_, pace_.body));
  }
  starved_since_ = base::kNever;
  if (codec.in_stream()) {
    if (waiting_ == Waiting::client) wait_for(Waiting::exchange), set_due(base::kNever);
    if (waiting_ == Waiting::exchange && codec.in_tunnel()) wait_for(Waiting::tunnel);
    return;
  }
  const auto deadline = [this](base::Duration span) { return base::deadline(path_.runtime().now(), span); };
  if (transport_->pending() > 0) {
    if (waiting_ == Waiting::client) return;
    await_tail();
  } else if (codec.in_head()) {
    if (waiting_ == Waiting::head) return;
    wait_for(Waiting::head);
    set_due(deadline(path_.timeouts().header));
  } else {
    if (waiting_ == Waiting::request) return;
    wait_for(Waiting::request);
    set_due(deadline(path_.idle_timeout()));
  }
}

// The time that any head has, whatever else is under way on the connection; 0: none is being received.
void DownstreamConnection::watch_head(std::int32_t stream) {
  if (std::exchange(awaited_head_, stream) == stream) return;
  head_until_ = stream == 0 ? base::kNever : base::deadline(path_.runtime().now(), path_.timeouts().header);
  set_due(due_);
}

// What it waits for is to come until then.
void DownstreamConnection::set_due(base::Time at) {
  due_ = at;
  timer_.set(std::min(due_, head_until_));
}

// Answers that wait for their windows alone keep nothing else from going on. One that has not waited all that
// time has another.
void DownstreamConnection::cut_orphans() {
  h2_->reset_marked();
  h2_->mark_orphans();
  restart_starving();
  on_codec_changed();
}

void DownstreamConnection::restart_starving() {
  if (starved_since_ == base::kNever) return;
  starved_since_ = path_.runtime().now();
  if (waiting_ == Waiting::client) set_due(base::deadline(starved_since_, pace_.body));
}

void DownstreamConnection::on_timer() {
  const base::Time now = path_.runtime().now();
  if (std::min(due_, head_until_) > now) return set_due(due_);
  if (head_until_ <= now) return refuse_head();
  if (h2_ && waiting_ == Waiting::client && transport_->pending() == 0 && h2_->has_orphans())
    return cut_orphans();
  if (waiting_ == Waiting::client)
    return cut({Reason::client_timeout, Fault::downstream, Retry::never, 0,
                "the client stopped taking the response"});
  if (waiting_ == Waiting::handshake) listener_.handshakes.add(tls::Failure::timeout);
  if (h2_ && waiting_ == Waiting::request) {
    if (draining_)
      codec_->finish_drain();  // and then it closes
    else
      drain(kDrainNotice);
    return on_codec_changed();
  }
  if (waiting_ != Waiting::head) return close();
  refuse_head();
}

void DownstreamConnection::refuse_head() {
  head_until_ = base::kNever;
  codec_->refuse_head({Reason::client_timeout, Fault::downstream, Retry::never, 408,
                       "the request head did not arrive in time"});
}

}  // namespace weir::core
