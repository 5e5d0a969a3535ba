#include "proxy/core/upstream_connection.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "proxy/base/log.h"
#include "proxy/core/connection_pool.h"

namespace weir::core {

UpstreamConnection::UpstreamConnection(ConnectionPool& pool)
    : pool_(pool), codec_(*this, pool.scratch()), timer_(pool.runtime().timers(), *this) {}

UpstreamConnection::~UpstreamConnection() = default;

void UpstreamConnection::connect(ConnectWaiter& waiter) {
  waiter_ = &waiter;
  opened_at_ = pool_.runtime().now();
  transport_ = pool_.dial().connect(pool_.runtime(), pool_.endpoint().address, *this);
}

void UpstreamConnection::abandon() {
  waiter_ = nullptr;
  close();
}

void UpstreamConnection::on_connected() {
  stands_ = true;
  pool_.counts().connections_opened.add();
  std::exchange(waiter_, nullptr)->on_connected(*this);
}

void UpstreamConnection::on_connect_failed(const base::Error& error) {
  if (error.fault == base::Fault::upstream) pool_.endpoint().learned.forget();
  ConnectWaiter* waiter = std::exchange(waiter_, nullptr);
  close();
  waiter->on_connect_failed(error);
}

http::Stream& UpstreamConnection::open(http::StreamHandler& handler) {
  idle_ = false;
  timer_.cancel();
  ++served_;
  return codec_.open(handler);
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
  if (!idle_) return;
  if (place_ == Place::surplus) return pool_.judge_surplus(*this);
  close();
}

void UpstreamConnection::close() {
  if (closed_) return;
  closed_ = true;
  if (stands_) pool_.counts().connections_closed.add();
  if (idle_) pool_.leave_idle(*this);
  idle_ = false;
  timer_.cancel();
  transport_.reset();
  base::ListHook<PoolMemberTag>::unlink();
  base::ListHook<io::FlushTag>::unlink();
  pool_.runtime().graveyard().retire(std::unique_ptr<UpstreamConnection>(this));
}

void UpstreamConnection::cut(const base::Error& why) {
  if (closed_) return;
  ConnectWaiter* waiter = std::exchange(waiter_, nullptr);
  if (waiter) {
    close();
    return waiter->on_connect_failed(why);
  }
  codec_.fail(why);
  close();
}

// A node that says something on a connection that has been idle for a while (a 408, most likely) is about to
// close it. What comes at once behind an answer is junk, and says nothing of limits.
void UpstreamConnection::on_read(std::string_view bytes) {
  if (idle_ && idle_age() >= LearnedLimits::kAtOnce) learn();
  codec_.receive(bytes);
}

// A close while idle; or one that crossed a request which had followed the last answer at once.
void UpstreamConnection::learn() {
  LearnedLimits& learned = pool_.endpoint().learned;
  const base::Time now = pool_.runtime().now();
  if (idle_)
    learned.note_close(idle_age(), served_, now);
  else if (served_ > 1 && codec_.unanswered() && idle_age() < LearnedLimits::kAtOnce)
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
  codec_.receive_end();
}

void UpstreamConnection::on_read_error(const base::Error&) {
  learn();
  codec_.receive_error();
}

void UpstreamConnection::on_sent(std::size_t bytes) {
  codec_.sent(bytes);
  if (!closed_ && lingering_) linger();
}

void UpstreamConnection::on_write_error(const base::Error&) {
  codec_.send_failed();
}

void UpstreamConnection::on_codec_changed() {
  if (!closed_) pool_.runtime().touch(*this);
}

// The exchange let go of this connection. What the codec decided is carried out at the flush, when everything
// that was lent has been written.
void UpstreamConnection::on_idle() {
  if (closed_) return;
  if (!codec_.reusable()) return pool_.runtime().touch(*this);
  // An answer that came before the whole request had left speaks of a node that may not read the rest.
  if (codec_.queue().has_output() || transport_->pending() > 0) return close();
  pool_.give_back(*this);
}

void UpstreamConnection::flush() {
  if (closed_) return;
  if (codec_.queue().has_output()) {
    std::size_t taken = transport_->write(codec_.queue().gather());
    codec_.queue().taken();
    codec_.sent(taken);
  }
  settle();
}

void UpstreamConnection::settle() {
  switch (codec_.next()) {
    case codec::Next::keep:
      break;
    case codec::Next::shutdown_write:
      transport_->shutdown_write();
      codec_.shutdown_done();
      break;
    case codec::Next::reset:
      transport_->reset();
      return close();
    case codec::Next::linger:
      return linger();
    case codec::Next::close:
      return close();
  }
  if (codec_.wants_read())
    transport_->resume();
  else
    transport_->pause();
}

// The node gets what is pending, if it takes it; nobody waits for that any more.
void UpstreamConnection::linger() {
  if (transport_->pending() == 0) return close();
  if (!lingering_) transport_->shutdown_write();
  lingering_ = true;
  timer_.set(base::deadline(pool_.runtime().now(), kLingerTime));
}

}  // namespace weir::core
