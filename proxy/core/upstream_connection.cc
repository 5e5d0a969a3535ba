#include "proxy/core/upstream_connection.h"

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/core/connection_pool.h"
#include "proxy/core/upstream_version.h"

namespace weir::core {

namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Retry;

constexpr Error kUnresponsive{Reason::response_timeout, Fault::upstream, Retry::other_node, 504,
                              "the node no longer answers, not even a PING"};

// Whether a codec makes its output as it is written.
template <class Codec>
constexpr bool kFramesLate = std::is_same_v<Codec, codec::H2Client>;

constexpr Error kTakesNone{Reason::connect_refused, Fault::upstream, Retry::not_processed, 502,
                           "the node takes no requests for now (SETTINGS_MAX_CONCURRENT_STREAMS 0)"};
constexpr Error kEndedAtOnce{Reason::connect_refused, Fault::upstream, Retry::not_processed, 502,
                             "the node ended the connection before it took requests"};

// More bytes than the answer to a PING has.
constexpr std::size_t kPingFrame = 17;

}  // namespace

void ConnectWaiter::stop_waiting() {
  if (awaited_) awaited_->abandon(*this);
}

bool ConnectWaiter::awaits_slot() const {
  return awaited_ != nullptr && awaited_->awaits_slot();
}

base::Time ConnectWaiter::dialed_at() const {
  return awaited_ != nullptr ? awaited_->opened_at() : dialed_at_;
}

UpstreamConnection::UpstreamConnection(ConnectionPool& pool, std::string_view greeting)
    : pool_(pool), greeting_(greeting), h1_(*this, pool.scratch()), timer_(pool.runtime().timers(), *this) {}

UpstreamConnection::~UpstreamConnection() = default;

codec::ClientCodec& UpstreamConnection::codec() {
  if (h2_) return *h2_;
  return h1_;
}

void UpstreamConnection::connect(ConnectWaiter& waiter) {
  await(waiter);
  seek_slot(pool_.slots(), pool_.endpoint());
}

void UpstreamConnection::on_slot() {
  opened_at_ = heard_at_ = pool_.runtime().now();
  transport_ = pool_.dial(greeting_).connect(pool_.runtime(), pool_.endpoint().address, *this);
}

void UpstreamConnection::await(ConnectWaiter& waiter) {
  waiters_.push_back(waiter);
  waiter.awaited_ = this;
  ++waiting_;
}

ConnectWaiter& UpstreamConnection::next_waiter() {
  ConnectWaiter& waiter = waiters_.pop_front();
  waiter.awaited_ = nullptr;
  waiter.dialed_at_ = awaits_slot() ? pool_.runtime().now() : opened_at_;
  --waiting_;
  return waiter;
}

// Who comes later does not join what somebody did not want to wait for.
void UpstreamConnection::abandon(ConnectWaiter& waiter) {
  waiter.base::ListHook<WaiterTag>::unlink();
  waiter.awaited_ = nullptr;
  --waiting_;
  if (stands_) return;
  base::ListHook<SharedTag>::unlink();
  if (waiters_.empty()) close();
}

// While it waits for a slot, one that has come free serves in its place.
void UpstreamConnection::look_for_other() {
  while (!waiters_.empty()) {
    const bool any = waiters_.front().wants_ == ConnectWaiter::Wants::any;
    UpstreamConnection* other = any ? pool_.take(Care::irreplaceable, greeting_) : nullptr;
    if (other == nullptr) other = pool_.take_kept(greeting_);
    if (other == nullptr) return;
    next_waiter().on_connected(*other);
  }
  close();
}

bool UpstreamConnection::leave() {
  const base::Time now = pool_.runtime().now();
  if (leaves_ && now - left_at_ < kLeavesApart) return false;
  if (!leaves_) pool_.endpoint().add_leaving();
  leaves_ = true;
  left_at_ = now;
  base::ListHook<SharedTag>::unlink();
  return true;
}

bool UpstreamConnection::may_be_kept() const {
  if (h2_ == nullptr || !stands_ || lingering_ || idle_ || is_being_made() || !has_room()) return false;
  return !leaves_ || pool_.runtime().now() - left_at_ >= kLeaveTime;
}

void UpstreamConnection::on_connected() {
  stands_ = true;
  pool_.counts().connections_opened.add();
  const UpstreamVersion version = version_of(pool_.protocol(), *transport_);
  pool_.note_version(version);
  if (version == UpstreamVersion::none) return on_connect_failed(kNoHttp2);
  if (version == UpstreamVersion::h2)
    speak_h2();
  else
    base::ListHook<SharedTag>::unlink();
  serve_waiters();
}

void UpstreamConnection::speak_h2() {
  h2_ = make_h2_client(*this, pool_.scratch(), pool_.transit());
  io::Flushable& connection = *this;
  late_ = std::make_unique<LateFlush>(pool_.runtime(), connection);
  pool_.share(*this);
  h2_->presume(pool_.most_streams().value_or(1));
}

// Those that find no room here, once it is known how much there is, try another connection.
void UpstreamConnection::serve_waiters() {
  while (!closed_ && !waiters_.empty() && has_room()) next_waiter().on_connected(*this);
  if (!closed_ && is_being_made()) return timer_.set(pool_.runtime().now() + kSettleTime);
  if (h2_ && h2_->settled() && h2_->most_streams() == 0) return fail_waiters(kTakesNone);
  while (!waiters_.empty()) pool_.connect(next_waiter(), greeting_);
}

void UpstreamConnection::presume() {
  presumed_ = true;
  h2_->presume(codec::H2Client::kPresumedStreams);
  timer_.set(pool_.runtime().now() + kPingAfter);
  serve_waiters();
  on_codec_changed();  // it may serve nobody
}

void UpstreamConnection::on_connect_failed(const base::Error& error) {
  if (error.fault == base::Fault::upstream) pool_.endpoint().learned.forget();
  close();
  fail_waiters(error);
}

void UpstreamConnection::fail_waiters(const base::Error& error) {
  while (!waiters_.empty()) next_waiter().on_connect_failed(error);
}

http::Stream& UpstreamConnection::open(http::StreamHandler& handler) {
  ++served_;
  if (!h2_ || idle_) timer_.cancel();
  idle_ = false;
  if (!h2_) return h1_.open(handler);
  if (h2_->idle() && !is_being_made()) {
    heard_at_ = pool_.runtime().now();
    timer_.set(heard_at_ + kPingAfter);
  }
  return h2_->open(handler);
}

base::Duration UpstreamConnection::idle_age() const {
  return pool_.runtime().now() - idle_since_;
}

void UpstreamConnection::begin_rest() {
  idle_ = true;
  idle_since_ = pool_.runtime().now();
}

void UpstreamConnection::rest_until(base::Time until, Place place) {
  place_ = place;
  idle_until_ = until;
  timer_.set(until);
}

void UpstreamConnection::on_timer() {
  if (lingering_) return close();
  if (!idle_) return look_after_node();
  if (place_ == Place::surplus) return pool_.judge_surplus(*this);
  close();
}

// A connection whose other end has vanished would take requests, and answer none of them.
void UpstreamConnection::look_after_node() {
  if (!h2_) return;
  if (is_being_made()) return presume();
  if (h2_->idle()) return;
  const base::Time now = pool_.runtime().now();
  const base::Time heard = std::max(heard_at_, pinged_at_);
  if (h2_->awaits_ping() && heard_at_ <= pinged_at_) {
    if (now >= pinged_at_ + kPingTime) return cut(kUnresponsive);
    return timer_.set(pinged_at_ + kPingTime);
  }
  if (now < heard + kPingAfter) return timer_.set(heard + kPingAfter);
  if (!answered_since_ping_ && now < pinged_at_ + kPingApart) return timer_.set(pinged_at_ + kPingApart);
  pinged_at_ = now;
  answered_since_ping_ = false;
  h2_->ping();
  timer_.set(now + kPingTime);
}

void UpstreamConnection::close() {
  if (closed_) return;
  closed_ = true;
  if (stands_) pool_.counts().connections_closed.add();
  if (idle_) pool_.leave_idle(*this);
  idle_ = false;
  timer_.cancel();
  transport_.reset();
  if (leaves_) pool_.endpoint().remove_leaving();
  give_slot_up();
  base::ListHook<PoolMemberTag>::unlink();
  base::ListHook<SharedTag>::unlink();
  base::ListHook<io::FlushTag>::unlink();
  pool_.runtime().graveyard().retire(std::unique_ptr<UpstreamConnection>(this));
}

// Some may still wait for the node to say how many streams it takes.
void UpstreamConnection::end() {
  close();
  fail_waiters(kEndedAtOnce);
}

void UpstreamConnection::cut(const base::Error& why) {
  if (closed_) return;
  if (stands_) codec().fail(why);
  if (!closed_ && stands_ && !idle_) transport_->reset();  // what was sent is not all
  close();
  fail_waiters(why);
}

// A node that says something on a connection that has been idle for a while (a 408, most likely) is about to
// close it. What comes at once behind an answer is junk, and says nothing of limits.
void UpstreamConnection::on_read(std::string_view bytes) {
  if (!h2_) {
    pool_.endpoint().conduct.hear(pool_.runtime().now());
    if (idle_ && idle_age() >= LearnedLimits::kAtOnce) learn();
    return h1_.receive(bytes);
  }
  heard_at_ = pool_.runtime().now();
  if (bytes.size() > kPingFrame) answered_since_ping_ = true;
  h2_->receive(bytes);
}

// A close while idle; or one that crossed a request which had followed the last answer at once.
void UpstreamConnection::learn() {
  LearnedLimits& learned = pool_.endpoint().learned;
  const base::Time now = pool_.runtime().now();
  if (idle_)
    learned.note_close(idle_age(), served_, now);
  else if (!h2_ && served_ > 1 && h1_.unanswered() && idle_age() < LearnedLimits::kAtOnce)
    learned.note_crossing(served_ - 1, now);
  if (idle_ && base::logs(base::LogLevel::debug)) tell_of_limit(learned.idle_limit(now));
}

void UpstreamConnection::tell_of_limit(base::Duration limit) {
  const auto ms = [](base::Duration span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
  };
  base::log_debug("node {} closed a connection that had been idle for {} ms, after {} requests; {}",
                  pool_.endpoint().text, ms(idle_age()), served_,
                  limit == base::Duration::max()
                      ? "its idle limit stays unknown"
                      : fmt::format("idle ones go after {} ms from now on", ms(limit)));
}

void UpstreamConnection::on_read_end() {
  learn();
  codec().receive_end();
}

void UpstreamConnection::on_read_error(const base::Error&) {
  learn();
  codec().receive_error();
}

void UpstreamConnection::on_sent(std::size_t bytes) {
  if (h2_) {
    h2_->sent(bytes);
    on_codec_changed();  // there is room for more
  } else {
    h1_.sent(bytes);
  }
  if (!closed_ && lingering_) linger();
}

void UpstreamConnection::on_write_error(const base::Error&) {
  codec().send_failed();
}

void UpstreamConnection::on_codec_changed() {
  if (!closed_) pool_.runtime().touch(*this);
}

// The exchange let go of this connection. What the codec decided is carried out at the flush, when everything
// that was lent has been written.
void UpstreamConnection::on_idle() {
  if (closed_) return;
  if (h2_ || !h1_.reusable()) return pool_.runtime().touch(*this);
  // An answer that came before the whole request had left speaks of a node that may not read the rest.
  if (h1_.queue().has_output() || transport_->pending() > 0) return close();
  pool_.give_back(*this);
}

void UpstreamConnection::flush() {
  if (!h2_) return flush(h1_);
  if (late_->is_due() || !h2_->keep_lent()) return flush(*h2_);
  late_->ask();
}

template <class Codec>
void UpstreamConnection::flush(Codec& codec) {
  if (closed_) return;
  while (write(codec) && kFramesLate<Codec> && codec.wants_room() && transport_->pending() == 0) continue;
  if (!closed_) settle(codec);
}

// Whether there was something, and may be more.
template <class Codec>
bool UpstreamConnection::write(Codec& codec) {
  if constexpr (kFramesLate<Codec>)
    codec.produce(kMostPending - std::min(kMostPending, transport_->pending()));
  codec::OutQueue& queue = codec.queue();
  if (closed_ || !queue.has_output()) return false;
  const std::size_t taken = transport_->write(queue.gather());
  queue.taken();
  codec.sent(taken);
  return taken > 0 && !closed_;
}

template <class Codec>
void UpstreamConnection::settle(Codec& codec) {
  switch (codec.next()) {
    case codec::Next::keep:
      break;
    case codec::Next::shutdown_write:
      transport_->shutdown_write();
      codec.shutdown_done();
      break;
    case codec::Next::reset:
      transport_->reset();
      return end();
    case codec::Next::linger:
      linger();
      return fail_waiters(kEndedAtOnce);
    case codec::Next::close:
      return end();
  }
  if constexpr (kFramesLate<Codec>) return settle_streams();
  if (codec.wants_read())
    transport_->resume();
  else
    transport_->pause();
}

// It takes more requests, or none any more; and when it serves none, it rests.
void UpstreamConnection::settle_streams() {
  if (!h2_->reusable()) {
    if (idle_) learn();
    base::ListHook<SharedTag>::unlink();
  }
  if (h2_->settled()) pool_.note_most_streams(*this, h2_->most_streams());
  if (pool_.has_too_many_to_come()) leave();
  if (!is_being_made()) serve_waiters();
  // Who waits for the settings is served by this connection, so that it is not at rest.
  if (!h2_->idle() || idle_ || !h2_->reusable() || is_being_made()) {
    if (!idle_ && has_room()) pool_.slots().note_room(pool_.endpoint());
    return;
  }
  base::ListHook<SharedTag>::unlink();
  timer_.cancel();
  pool_.give_back(*this);
}

// The node gets what is pending, if it takes it; nobody waits for that any more.
void UpstreamConnection::linger() {
  base::ListHook<SharedTag>::unlink();
  if (transport_->pending() == 0) return close();
  if (!lingering_) {
    transport_->shutdown_write();
    pool_.slots().note_room(pool_.endpoint());
  }
  lingering_ = true;
  timer_.set(base::deadline(pool_.runtime().now(), kLingerTime));
}

}  // namespace weir::core
