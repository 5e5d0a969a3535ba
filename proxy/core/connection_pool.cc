#include "proxy/core/connection_pool.h"

#include <algorithm>

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

ConnectionPool::ConnectionPool(io::Runtime& runtime, codec::Scratch& scratch, tls::Scratch& tls_scratch,
                               std::shared_ptr<Endpoint> endpoint, std::size_t worker)
    : runtime_(runtime),
      scratch_(scratch),
      tls_scratch_(tls_scratch),
      endpoint_(std::move(endpoint)),
      counts_(endpoint_->counts.of(worker)),
      timer_(runtime.timers(), *this) {}

ConnectionPool::~ConnectionPool() {
  members_.for_each([](UpstreamConnection& connection) { connection.close(); });
}

UpstreamConnection* ConnectionPool::take(Care care) {
  const Time now = runtime_.now();
  const Duration careful = endpoint_->learned.careful_limit(now);
  while (!idle_.empty()) {
    UpstreamConnection& connection = idle_.front();
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
    leave_idle(connection);
    return &connection;
  }
  return nullptr;
}

UpstreamConnection& ConnectionPool::connect(ConnectWaiter& waiter) {
  auto* connection = new UpstreamConnection(*this);
  members_.push_back(*connection);
  connection->connect(waiter);
  if (retired_) timer_.set(std::max(cut_at_, runtime_.now() + kLastChance));  // an old snapshot's exchange
  return *connection;
}

void ConnectionPool::configure(const ConnectionTerms& terms) {
  keepalive_ = terms.keepalive;
  if (!tls::alike(tls_, terms.tls)) {
    close_idle();
    made_since_ = runtime_.now();
  }
  tls_ = terms.tls;
  if (tls_) host_ = terms.host;
  retired_ = false;
  timer_.cancel();
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
}

void ConnectionPool::close_idle() {
  idle_.for_each([](UpstreamConnection& connection) { connection.close(); });
}

// How long the connection may lie idle: what is configured, what the node announced and what was learned, the
// latter two with a margin.
Duration ConnectionPool::idle_allowance(const UpstreamConnection& connection) const {
  return std::min({keepalive_.idle_timeout, endpoint_->learned.idle_limit(runtime_.now()),
                   announced_limit(connection, 90)});
}

void ConnectionPool::give_back(UpstreamConnection& connection) {
  const Time now = runtime_.now();
  endpoint_->learned.note_served(connection.served());
  const bool worn = connection.opened_at() < made_since_ ||
                    now - connection.opened_at() >= keepalive_.max_lifetime ||
                    connection.served() >= endpoint_->learned.request_limit(now);
  if (retired_ || worn || !endpoint_->node->eligible()) return connection.close();
  if (keepalive_.max_idle == 0) return connection.close();
  idle_.push_front(connection);
  connection.begin_rest();
  if (endpoint_->try_add_idle(keepalive_.max_idle)) return rest(connection);
  connection.rest_until(now + kSurplusTime, UpstreamConnection::Place::surplus);
}

void ConnectionPool::judge_surplus(UpstreamConnection& connection) {
  if (!endpoint_->try_add_idle(keepalive_.max_idle)) return connection.close();
  rest(connection);
}

void ConnectionPool::rest(UpstreamConnection& connection) {
  connection.rest_until(std::min(base::deadline(connection.idle_since(), idle_allowance(connection)),
                                 base::deadline(connection.opened_at(), keepalive_.max_lifetime)),
                        UpstreamConnection::Place::counted);
}

void ConnectionPool::leave_idle(UpstreamConnection& connection) {
  connection.base::ListHook<IdleTag>::unlink();
  if (connection.counted()) endpoint_->remove_idle();
}

}  // namespace weir::core
