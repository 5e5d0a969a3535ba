#include "proxy/core/connection_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/config/scalar.h"

namespace weir::core {

using base::Duration;
using base::Time;

namespace {

// For what comes to a removed node when its time is over.
constexpr Duration kLastChance = std::chrono::seconds(1);

constexpr base::Error kNodeRemoved{base::Reason::drained, base::Fault::ourselves, base::Retry::other_node,
                                   503, "the node left the configuration and its drain_timeout is over"};

// So much of the Keep-Alive: timeout that came with the latest answer; no end where the node said nothing.
Duration announced_limit(const UpstreamConnection& connection, int percent) {
  const std::uint32_t says = connection.node_says().keep_alive_timeout_s;
  return says > 0 ? Duration(std::chrono::seconds(says)) / 100 * percent : Duration::max();
}

}  // namespace

ConnectionPool::ConnectionPool(io::Runtime& runtime, SlotDesk& slots, codec::Scratch& scratch,
                               tls::Scratch& tls_scratch, std::shared_ptr<Endpoint> endpoint,
                               std::size_t worker)
    : runtime_(runtime),
      slots_(slots),
      scratch_(scratch),
      tls_scratch_(tls_scratch),
      endpoint_(std::move(endpoint)),
      counts_(endpoint_->counts.of(worker)),
      timer_(runtime.timers(), *this) {}

ConnectionPool::~ConnectionPool() {
  members_.for_each([](UpstreamConnection& connection) { connection.close(); });
}

UpstreamConnection* ConnectionPool::take(Care care, std::string_view greeting) {
  if (!shared_.empty())
    if (UpstreamConnection* connection = take_shared(greeting)) return connection;
  return take_idle(care, greeting);
}

UpstreamConnection* ConnectionPool::take_shared(std::string_view greeting) {
  UpstreamConnection* found = nullptr;
  shared_.for_each([&](UpstreamConnection& connection) {
    if (found || !connection.stands()) return;
    if (is_worn(connection)) return connection.base::ListHook<SharedTag>::unlink();
    if (connection.has_room() && connection.greeting() == greeting) found = &connection;
  });
  return found;
}

// The one that was used last. Without greetings that is the first; with them there are no more than a client
// needs, or max_idle.
UpstreamConnection* ConnectionPool::find_idle(std::string_view greeting) {
  if (idle_.empty()) return nullptr;
  if (idle_.front().greeting() == greeting) return &idle_.front();
  UpstreamConnection* found = nullptr;
  idle_.for_each([&](UpstreamConnection& connection) {
    if (!found && connection.greeting() == greeting) found = &connection;
  });
  return found;
}

UpstreamConnection* ConnectionPool::take_idle(Care care, std::string_view greeting) {
  const Time now = runtime_.now();
  const Duration careful = endpoint_->learned.careful_limit(now);
  while (UpstreamConnection* found = find_idle(greeting)) {
    UpstreamConnection& connection = *found;
    const Duration age = connection.idle_age();
    if (care == Care::irreplaceable) {
      // The youngest is too old for it: a fresh connection is surer. The idle one stays for others.
      const Duration allowed = std::min(careful, announced_limit(connection, 50));
      if (age >= allowed || connection.served() >= endpoint_->learned.careful_request_limit(now))
        return nullptr;
    }
    if (now >= connection.idle_until() || connection.served() >= endpoint_->learned.request_limit(now)) {
      connection.close();
      continue;
    }
    if (care == Care::irreplaceable && !connection.quiet()) {
      connection.close();
      continue;
    }
    // The node takes no more streams, or none for now: it has said so while nobody asked.
    if (connection.multiplexes() && !connection.has_room()) {
      connection.close();
      continue;
    }
    leave_idle(connection);
    if (connection.multiplexes()) shared_.push_front(connection);
    return &connection;
  }
  return nullptr;
}

// Whether requests to the node share connections, as far as is known.
bool ConnectionPool::shares() const {
  return protocol_ == config::Protocol::h2 ||
         (protocol_ == config::Protocol::any && tls_ && version_ != UpstreamVersion::h1);
}

void ConnectionPool::connect(ConnectWaiter& waiter, std::string_view greeting) {
  if (shares()) {
    const std::size_t most = most_streams_.value_or(codec::H2Client::kPresumedStreams);
    UpstreamConnection* joined = nullptr;
    shared_.for_each([&](UpstreamConnection& connection) {
      if (!joined && connection.is_being_made() && connection.waiters() < most &&
          connection.greeting() == greeting)
        joined = &connection;
    });
    if (joined) return joined->await(waiter);
  }
  const bool may_be_made = endpoint_->connections.has_room() && endpoint_->pool->connections.has_room();
  if (!may_be_made)
    if (UpstreamConnection* kept = take_kept(greeting)) return waiter.on_connected(*kept);
  auto* connection = new UpstreamConnection(*this, greeting);
  members_.push_back(*connection);
  if (shares()) shared_.push_front(*connection);
  connection->connect(waiter);
  if (retired_) timer_.set(std::max(cut_at_, runtime_.now() + kLastChance));  // of a session
}

void ConnectionPool::enter(PoolGuest& guest) {
  guests_.push_back(guest);
  if (retired_) timer_.set(std::max(cut_at_, runtime_.now() + kLastChance));
}

void ConnectionPool::configure(const ConnectionTerms& terms) {
  keepalive_ = terms.keepalive;
  if (!tls::alike(tls_, terms.tls) || protocol_ != terms.protocol ||
      proxy_protocol_ != terms.proxy_protocol) {
    close_idle();
    while (!shared_.empty()) shared_.pop_front();
    made_since_ = runtime_.now();
    version_ = UpstreamVersion::none;
    most_streams_.reset();
  }
  tls_ = terms.tls;
  protocol_ = terms.protocol;
  proxy_protocol_ = terms.proxy_protocol;
  if (tls_) host_ = terms.host;
  retired_ = false;
  timer_.cancel();
  while (has_too_many_to_come() && (give_up_idle() || give_up_shared())) continue;
}

void ConnectionPool::retire(base::Duration drain_timeout) {
  if (retired_) return;
  retired_ = true;
  close_idle();
  cut_at_ = base::deadline(runtime_.now(), drain_timeout);
  timer_.set(cut_at_);
}

void ConnectionPool::on_timer() {
  members_.for_each([](UpstreamConnection& connection) { connection.cut(kNodeRemoved); });
  guests_.for_each([](PoolGuest& guest) { guest.on_node_over(kNodeRemoved); });
}

void ConnectionPool::close_idle() {
  idle_.for_each([](UpstreamConnection& connection) { connection.close(); });
}

bool ConnectionPool::give_up_idle() {
  if (idle_.empty()) return false;
  counts_.connections_given_up.add();
  idle_.back().close();
  return true;
}

bool ConnectionPool::give_up_shared() {
  UpstreamConnection* last = nullptr;
  shared_.for_each([&](UpstreamConnection& connection) {
    if (!connection.is_being_made()) last = &connection;
  });
  if (last != nullptr) counts_.connections_given_up.add();
  return last != nullptr && last->leave();
}

bool ConnectionPool::leave_again() {
  bool said = false;
  members_.for_each([&](UpstreamConnection& connection) {
    if (!said && connection.leaves() && !connection.lingers()) said = connection.leave();
  });
  return said;
}

UpstreamConnection* ConnectionPool::take_kept(std::string_view greeting) {
  UpstreamConnection* found = nullptr;
  members_.for_each([&](UpstreamConnection& connection) {
    if (found == nullptr && connection.may_be_kept() && connection.opened_at() >= made_since_ &&
        connection.greeting() == greeting)
      found = &connection;
  });
  return found;
}

std::size_t ConnectionPool::shared() {
  std::size_t count = 0;
  shared_.for_each(
      [&](const UpstreamConnection& connection) { count += connection.is_being_made() ? 0 : 1; });
  return count;
}

void ConnectionPool::note_version(UpstreamVersion version) {
  if (std::exchange(version_, version) == version) return;
  if (version == UpstreamVersion::h1 && protocol_ != config::Protocol::h1) endpoint_->note_streams(1);
}

// What was made under other terms says nothing of those to come.
void ConnectionPool::note_most_streams(const UpstreamConnection& connection, std::size_t streams) {
  if (most_streams_ == streams || connection.opened_at() < made_since_) return;
  most_streams_ = streams;
  endpoint_->note_streams(std::max<std::size_t>(streams, 1));
}

// How long the connection may lie idle: what is configured, what the node announced and what was learned, the
// latter two with a margin.
Duration ConnectionPool::idle_allowance(const UpstreamConnection& connection) const {
  return std::min({keepalive_.idle_timeout, endpoint_->learned.idle_limit(runtime_.now()),
                   announced_limit(connection, 90)});
}

// Made under other terms, or older than it may be.
bool ConnectionPool::is_worn(const UpstreamConnection& connection) const {
  return connection.opened_at() < made_since_ ||
         runtime_.now() - connection.opened_at() >= keepalive_.max_lifetime;
}

void ConnectionPool::give_back(UpstreamConnection& connection) {
  const Time now = runtime_.now();
  endpoint_->learned.note_served(connection.served());
  const bool worn = is_worn(connection) || connection.served() >= endpoint_->learned.request_limit(now);
  if (retired_ || worn || connection.leaves() || has_too_many() || !endpoint_->node->eligible())
    return connection.close();
  if (keepalive_.max_idle == 0) return connection.close();
  idle_.push_front(connection);
  connection.begin_rest();
  slots_.note_room(*endpoint_);
  if (endpoint_->try_add_idle(keepalive_.max_idle)) return rest(connection);
  connection.rest_until(now + kSurplusTime, UpstreamConnection::Place::surplus);
}

void ConnectionPool::judge_surplus(UpstreamConnection& connection) {
  if (!endpoint_->try_add_idle(keepalive_.max_idle)) return connection.close();
  rest(connection);
}

void ConnectionPool::tell_of_announced_limit(const UpstreamConnection& connection) {
  const std::chrono::seconds announced(connection.node_says().keep_alive_timeout_s);
  if (announced.count() == 0 || !endpoint_->told_limit.note(announced, keepalive_.idle_timeout)) return;
  base::log_warning(
      "node {} of pool {} closes idle connections after {} (Keep-Alive: timeout), sooner than "
      "keepalive.idle_timeout ({}); Weir closes them after {}; have the node wait longer, or lower "
      "idle_timeout",
      endpoint_->text, endpoint_->pool->name, config::written(announced),
      config::written(keepalive_.idle_timeout), config::written(announced_limit(connection, 90)));
}

void ConnectionPool::rest(UpstreamConnection& connection) {
  tell_of_announced_limit(connection);
  connection.rest_until(std::min(base::deadline(connection.idle_since(), idle_allowance(connection)),
                                 base::deadline(connection.opened_at(), keepalive_.max_lifetime)),
                        UpstreamConnection::Place::counted);
}

void ConnectionPool::leave_idle(UpstreamConnection& connection) {
  connection.base::ListHook<IdleTag>::unlink();
  if (connection.counted()) endpoint_->remove_idle();
}

}  // namespace weir::core
