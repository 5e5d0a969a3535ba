#include "proxy/core/data_path.h"

#include <algorithm>
#include <ctime>
#include <unordered_set>

#include "proxy/base/check.h"
#include "proxy/base/hex.h"
#include "proxy/core/local_reply.h"
#include "proxy/core/turned_away.h"
#include "proxy/policy/rewrite.h"

namespace weir::core {
namespace {

constexpr base::Duration kCloseIdlePause = std::chrono::milliseconds(20);
constexpr base::Duration kLogAge = std::chrono::seconds(1);
constexpr base::Error kDrained{base::Reason::drained, base::Fault::ourselves, base::Retry::never, 0,
                               "Weir ended before the request did"};

}  // namespace

DataPath::DataPath(io::Runtime& runtime, SharedCounts& counts, std::size_t worker, std::uint64_t seed,
                   base::LogWriter* writer, observe::SpanSink* spans)
    : runtime_(runtime),
      counts_(counts),
      worker_(worker),
      rng_(seed),
      slot_desk_(runtime_, counts_.slots, upstreams_),
      upstreams_(runtime_, slot_desk_, scratch_, tls_scratch_, worker_),
      queue_desk_(runtime_),
      writer_(writer),
      timer_(runtime.timers(), *this) {
  if (spans) spans_.emplace(*spans);
}

DataPath::~DataPath() {
  counts_.held.fetch_sub(held_, std::memory_order_relaxed);
  connections_.for_each([](ClientConnection& connection) { connection.cut(kDrained); });
  runtime_.graveyard().clear();
  upstreams_.clear();
  runtime_.graveyard().clear();
}

void DataPath::publish(std::shared_ptr<const Snapshot> snapshot) {
  const config::Config& config = snapshot->config;
  scratch_.limits = {config.limits.header, config.limits.header_fields, config.limits.request_line};
  auto next = std::make_unique<Generation>();
  next->pools.reserve(snapshot->pools.size());
  upstreams_.begin();
  for (const SnapshotPool& pool : snapshot->pools) {
    const config::Pool& pool_config = config.pools[pool.config];
    std::vector<ConnectionPool*> connections;
    connections.reserve(pool.endpoints.size() + pool.parting.size());
    const auto terms = [&](const std::string& host) {
      return ConnectionTerms{pool_config.keepalive, pool_config.settings.value, host, pool_config.protocol,
                             pool_config.proxy_protocol};
    };
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
      connections.push_back(&upstreams_.list(pool.endpoints[i], terms(pool.hosts[i])));
    for (const PartingNode& node : pool.parting)
      connections.push_back(
          &upstreams_.list_parting(node.endpoint, terms(node.host), node.until - runtime_.now()));
    next->pools.emplace_back(pool, pool_config, std::move(connections), balancer::Rng(rng_()), worker_);
  }
  upstreams_.retire_others(config.drain_timeout);
  next->snapshot = std::move(snapshot);
  std::swap(current_, next);
  if (next) old_.push_back(std::move(next));
  count_in();
  for (const auto& exchange : exchanges_) exchange->let_go_of_old_snapshot();
  poke_queues();
  queue_desk_.tell_of_change();
  slot_desk_.look_again();
  drop_old();
  std::erase_if(listeners_, [this](const Inlet& inlet) { return !has_clients(inlet.counts->of(worker_)); });
  use_log(config.access_log);
}

// What is in flight, and began while nothing was limited, counts where something is now.
void DataPath::count_in() {
  const auto& pools = current_->snapshot->pools;
  if (std::none_of(pools.begin(), pools.end(),
                   [](const SnapshotPool& pool) { return pool.shared->gate.limits(); }))
    return;
  for (const auto& exchange : exchanges_) exchange->count_in();
  upstreams_.count_guests_in();
}

// Those that wait may find another node now.
void DataPath::poke_queues() {
  for (const auto& generation : old_)
    for (const SnapshotPool& pool : generation->snapshot->pools) pool.shared->gate.poke();
  for (const SnapshotPool& pool : current_->snapshot->pools) pool.shared->gate.poke();
}

bool DataPath::has_clients(const observe::ListenerShare& listener) {
  return listener.accepted.get() != listener.closed.get();
}

void DataPath::use_log(const config::AccessLog& wanted) {
  if (writer_ == nullptr || (log_ && log_->config() == wanted)) return;
  log_.reset();
  if (wanted.path != "off") log_ = std::make_unique<observe::AccessLog>(*writer_, wanted, rng_());
}

// Old generations without exchanges go, and with the last of them what only they could reach.
void DataPath::drop_old() {
  std::erase_if(old_, [this](std::unique_ptr<Generation>& generation) {
    if (generation->exchanges > 0) return false;
    runtime_.graveyard().retire(std::move(generation));
    return true;
  });
  const std::vector<const Endpoint*> unused = upstreams_.unused();
  if (unused.empty()) return;
  std::unordered_set<const Endpoint*> reachable;
  for (const auto& generation : old_)
    for (const SnapshotPool& pool : generation->snapshot->pools) {
      for (const auto& endpoint : pool.endpoints) reachable.insert(endpoint.get());
      for (const PartingNode& node : pool.parting) reachable.insert(node.endpoint.get());
    }
  for (const Endpoint* endpoint : unused)
    if (!reachable.contains(endpoint)) runtime_.graveyard().retire(upstreams_.take(*endpoint));
}

void DataPath::on_nodes_changed(const NodeChanges& changes) {
  refresh(*current_, changes);
  for (const auto& generation : old_) refresh(*generation, changes);
  queue_desk_.tell_of_change();
  for (const auto& endpoint : changes.endpoints) {
    ConnectionPool* connections = upstreams_.find(*endpoint);
    if (connections != nullptr && !endpoint->node->eligible()) connections->close_idle();
  }
}

void DataPath::refresh(Generation& generation, const NodeChanges& changes) {
  for (Pool& pool : generation.pools)
    if (changes.pools.contains(pool.name())) {
      pool.refresh();
      pool.gate().poke();
    }
}

Generation& DataPath::pin() {
  ++current_->exchanges;
  return *current_;
}

void DataPath::unpin(Generation& generation) {
  if (--generation.exchanges == 0 && &generation != current_.get()) drop_old();
}

bool DataPath::reserve() {
  const std::uint64_t limit = current_->snapshot->config.limits.connections;
  std::uint64_t count = counts_.client_connections.load(std::memory_order_relaxed);
  while (count < limit)
    if (counts_.client_connections.compare_exchange_weak(count, count + 1, std::memory_order_relaxed))
      return true;
  return false;
}

ClientConnection& DataPath::accept(io::TransportPtr transport,
                                   const std::shared_ptr<observe::ListenerCounts>& listener,
                                   const std::shared_ptr<const Reception>& reception) {
  if (std::none_of(listeners_.begin(), listeners_.end(),
                   [&](const Inlet& inlet) { return inlet.counts == listener; }))
    listeners_.push_back({listener, reception});
  observe::ListenerShare& counts = listener->of(worker_);
  counts.accepted.add();
  const std::shared_ptr<const ListenerTerms> terms = reception->terms();
  if (expects_header(*terms, transport->peer()))
    return enlist(*new Introduction(*this, std::move(transport), counts, terms));
  return seat(std::move(transport), counts, *terms);
}

// A tenth shorter or longer, so that those that came together do not leave together.
base::Duration DataPath::jittered(base::Duration age) {
  const base::Duration unit = age / 1000;
  return age - 100 * unit + rng_.below(201) * unit;
}

ClientConnection& DataPath::accept_over_limit(io::TransportPtr transport,
                                              const std::shared_ptr<observe::ListenerCounts>& listener,
                                              const std::shared_ptr<const Reception>& reception) {
  counts_.client_connections.fetch_add(1, std::memory_order_relaxed);
  return accept(std::move(transport), listener, reception);
}

// Only who is believed is asked whose connection it is.
bool DataPath::expects_header(const ListenerTerms& terms, const io::Ip& peer) const {
  return terms.proxy_protocol != config::ProxyProtocol::off &&
         policy::trust_of(peer, current_->snapshot->config.trusted_proxies) != policy::Trust::none;
}

ClientConnection& DataPath::seat(io::TransportPtr transport, observe::ListenerShare& counts,
                                 const ListenerTerms& terms) {
  using observe::TurnedAwayFor;
  const io::Ip& client = transport->peer();
  if (is_denied(terms, client)) return turn_away(std::move(transport), counts, TurnedAwayFor::denied);
  if (!is_counted(client)) return make_connection(std::move(transport), counts, terms);
  const ClientTable::Key key = enter(client);
  if (key == ClientTable::kNobody) return turn_away(std::move(transport), counts, TurnedAwayFor::too_many);
  ClientConnection& connection = make_connection(std::move(transport), counts, terms);
  if (connection.base::ListHook<ConnectionTag>::linked())
    connection.count_under(key);
  else
    counts_.clients.leave(key);  // it is over already
  return connection;
}

bool DataPath::is_denied(const ListenerTerms& terms, const io::Ip& client) {
  return terms.admission && !policy::permits(terms.admission->access, client);
}

// Each has but so many connections.
bool DataPath::is_counted(const io::Ip& client) const {
  return current_->snapshot->config.limits.connections_per_client != config::kUnlimited &&
         client.family != io::Ip::Family::none;
}

ClientTable::Key DataPath::enter(const io::Ip& client) {
  return counts_.clients.enter(client, current_->snapshot->config.limits.connections_per_client);
}

bool DataPath::turns_away(const io::Transport& transport, const Reception& reception) {
  const std::shared_ptr<const ListenerTerms> terms = reception.terms();
  const io::Ip& client = transport.peer();
  if (expects_header(*terms, client)) return false;
  if (is_denied(*terms, client)) return true;
  if (!is_counted(client)) return false;
  const ClientTable::Key key = enter(client);
  if (key != ClientTable::kNobody) counts_.clients.leave(key);
  return key == ClientTable::kNobody;
}

ClientConnection& DataPath::turn_away(io::TransportPtr transport, observe::ListenerShare& counts,
                                      observe::TurnedAwayFor why) {
  transport->reset();
  auto* connection = new TurnedAway(counts, why);
  connections_.push_back(*connection);
  retire(*connection);
  return *connection;
}

ClientConnection& DataPath::make_connection(io::TransportPtr transport, observe::ListenerShare& counts,
                                            const ListenerTerms& terms) {
  tls::TlsTransport* tls =
      terms.tls ? tls::TlsTransport::accept(runtime_, tls_scratch_, std::move(transport), terms.tls)
                : nullptr;
  if (terms.mode == config::Mode::tcp) {
    auto* raw =
        new RawConnection(*this, tls != nullptr ? io::TransportPtr(tls) : std::move(transport), tls, counts);
    enlist(*raw);
    raw->begin();
    return *raw;
  }
  auto* connection = tls != nullptr ? new DownstreamConnection(*this, *tls, counts, terms)
                                    : new DownstreamConnection(*this, std::move(transport), counts, terms);
  if (terms.max_connection_age != config::kOff)
    connection->leave_at(base::deadline(runtime_.now(), jittered(terms.max_connection_age)));
  return enlist(*connection);
}

ClientConnection& DataPath::enlist(ClientConnection& connection) {
  connections_.push_back(connection);
  if (grace_ || is_asked_to_leave()) connection.drain(idle_timeout());
  return connection;
}

void DataPath::take_over(Introduction& introduction, io::TransportPtr transport, const ListenerTerms& terms,
                         std::optional<base::Duration> grace) {
  observe::ListenerShare& counts = introduction.listener();
  introduction.base::ListHook<ConnectionTag>::unlink();
  runtime_.graveyard().retire(std::unique_ptr<ClientConnection>(&introduction));
  ClientConnection& connection = seat(std::move(transport), counts, terms);
  if (grace) connection.drain(*grace);
}

std::shared_ptr<const ListenerTerms> DataPath::terms_of(const observe::ListenerShare& listener) const {
  const auto known = std::find_if(listeners_.begin(), listeners_.end(), [&](const Inlet& inlet) {
    return &inlet.counts->of(worker_) == &listener;
  });
  WEIR_CHECK(known != listeners_.end());  // who asks came by it
  return known->reception->terms();
}

void DataPath::close_idle_upstreams() {
  const base::Time now = runtime_.now();
  if (now < next_close_idle_) return;  // many may ask for it at once, and there may be many nodes
  next_close_idle_ = now + kCloseIdlePause;
  upstreams_.close_idle();
}

void DataPath::retire(ClientConnection& connection) {
  if (connection.client_key() != ClientTable::kNobody) counts_.clients.leave(connection.client_key());
  counts_.client_connections.fetch_sub(1, std::memory_order_relaxed);
  connection.base::ListHook<ConnectionTag>::unlink();
  runtime_.graveyard().retire(std::unique_ptr<ClientConnection>(&connection));
}

void DataPath::resume_later(DownstreamConnection& connection) {
  to_resume_.push_back(&connection);
  runtime_.defer(*this);
}

void DataPath::forget_resume(DownstreamConnection& connection) {
  std::erase(to_resume_, &connection);
}

// One at a time, so that what it lends is flushed before the next.
void DataPath::run_deferred() {
  if (to_resume_.empty()) return;
  DownstreamConnection* connection = to_resume_.back();
  to_resume_.pop_back();
  if (!to_resume_.empty()) runtime_.defer(*this);
  connection->resume();
}

Exchange& DataPath::take_exchange() {
  if (free_.empty()) {
    exchanges_.push_back(std::make_unique<Exchange>(*this));
    exchanges_.back()->set_index(exchanges_.size() - 1);
    return *exchanges_.back();
  }
  Exchange& exchange = *free_.back();
  free_.pop_back();
  return exchange;
}

// Some are kept. After a burst the others would hold memory for nobody, a piece on each of many pages.
void DataPath::recycle(Exchange& exchange) {
  if (free_.size() < kMostFree) return free_.push_back(&exchange);
  const std::size_t index = exchange.index();
  exchanges_[index].swap(exchanges_.back());
  exchanges_[index]->set_index(index);
  runtime_.graveyard().retire(std::move(exchanges_.back()));
  exchanges_.pop_back();
}

// A head that could not be read, or not wholly: there is no exchange, but an answer and a line in the logs.
void DataPath::refuse(http::Stream& stream, const base::Error& error, const Arrival& arrival) {
  const int status = status_of(error);
  std::string id;
  make_request_id(id);
  http::Response& head = scratch_.response;
  make_reply({error, status, date(), id, {}, {}}, head, refusal_);
  arrival.mark(head);
  stream.send(http::ResponseHead{&head});
  stream.send(http::Body{refusal_});
  stream.send(http::End{});
  refusal_log_.note_request(error, status, *arrival.peer, runtime_.now());
  if (!logs(error.reason, status)) return;
  observe::ExchangeRecord record;
  record.client = *arrival.peer;
  if (arrival.identity) record.client_subject = arrival.identity->subject;
  record.method = scratch_.request.method_text;
  record.host = scratch_.request.authority;
  record.target = scratch_.request.target;
  record.protocol = "-";
  record.status = status;
  record.response_bytes = refusal_.size();
  record.request_id = id;
  record.reason = error.reason;
  log(record);
}

void DataPath::make_request_id(std::string& out) {
  out.resize(32);
  for (std::size_t at = 0; at < 32; at += 16) base::put_hex(out.data() + at, rng_());
}

std::string_view DataPath::date() {
  const std::int64_t second = runtime_.wall_ms() / 1000;
  if (second == date_second_) return date_;
  date_second_ = second;
  std::time_t time = second;
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[40];
  date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc));
  return date_;
}

void DataPath::log(const observe::ExchangeRecord& record) {
  if (log_->empty()) timer_.set(std::min(timer_.at(), runtime_.now() + kLogAge));
  log_->write(record, runtime_.wall_ms());
}

void DataPath::hand_over_log() {
  if (log_) log_->hand_over();
}

base::SpanId DataPath::make_span_id() {
  const base::SpanId id = rng_();
  return id != 0 ? id : 1;
}

void DataPath::add_span(observe::Span span) {
  if (!spans_) return;
  if (spans_->empty()) timer_.set(std::min(timer_.at(), runtime_.now() + kLogAge));
  spans_->add(std::move(span));
}

void DataPath::on_timer() {
  hand_over_log();
  if (spans_) spans_->hand_over();
}

void DataPath::drain(base::Duration grace) {
  grace_ = grace;
  connections_.for_each([this](ClientConnection& connection) { connection.drain(idle_timeout()); });
}

void DataPath::ask_to_leave() {
  connections_.for_each([this](ClientConnection& connection) { connection.drain(idle_timeout()); });
}

bool DataPath::is_asked_to_leave() const {
  return runtime_.now().time_since_epoch().count() < counts_.leave_until.load(std::memory_order_relaxed);
}

void DataPath::drain(const observe::ListenerCounts& listener, base::Duration grace) {
  const auto known = std::find_if(listeners_.begin(), listeners_.end(),
                                  [&](const Inlet& inlet) { return inlet.counts.get() == &listener; });
  if (known == listeners_.end()) return;
  const observe::ListenerShare& share = known->counts->of(worker_);
  connections_.for_each([&](ClientConnection& connection) {
    if (connection.came_by(share)) connection.drain(grace);
  });
}

base::Duration DataPath::idle_timeout() const {
  return grace_ ? std::min(*grace_, timeouts().idle) : timeouts().idle;
}

}  // namespace weir::core
