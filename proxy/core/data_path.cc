#include "proxy/core/data_path.h"

#include <algorithm>
#include <ctime>
#include <unordered_set>

#include "proxy/base/check.h"
#include "proxy/base/hex.h"
#include "proxy/core/local_reply.h"

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
      upstreams_(runtime_, scratch_, tls_scratch_, worker_),
      writer_(writer),
      timer_(runtime.timers(), *this) {
  if (spans) spans_.emplace(*spans);
}

DataPath::~DataPath() {
  connections_.for_each([](DownstreamConnection& connection) { connection.cut(kDrained); });
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
    connections.reserve(pool.endpoints.size());
    for (std::size_t i = 0; i < pool.endpoints.size(); ++i)
      connections.push_back(&upstreams_.list(
          pool.endpoints[i], {pool_config.keepalive, pool_config.settings.value, pool.hosts[i]}));
    next->pools.emplace_back(pool, pool_config, std::move(connections), balancer::Rng(rng_()));
  }
  upstreams_.retire_others(config.drain_timeout);
  next->snapshot = std::move(snapshot);
  std::swap(current_, next);
  if (next) old_.push_back(std::move(next));
  for (const auto& exchange : exchanges_) exchange->let_go_of_old_snapshot();
  drop_old();
  std::erase_if(listeners_, [this](const auto& listener) { return !has_clients(listener->of(worker_)); });
  use_log(config.access_log);
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
    for (const SnapshotPool& pool : generation->snapshot->pools)
      for (const auto& endpoint : pool.endpoints) reachable.insert(endpoint.get());
  for (const Endpoint* endpoint : unused)
    if (!reachable.contains(endpoint)) upstreams_.drop(*endpoint);
}

void DataPath::on_nodes_changed(const NodeChanges& changes) {
  refresh(*current_, changes);
  for (const auto& generation : old_) refresh(*generation, changes);
  for (const auto& endpoint : changes.endpoints) {
    ConnectionPool* connections = upstreams_.find(*endpoint);
    if (connections != nullptr && !endpoint->node->eligible()) connections->close_idle();
  }
}

void DataPath::refresh(Generation& generation, const NodeChanges& changes) {
  for (Pool& pool : generation.pools)
    if (changes.pools.contains(pool.name())) pool.refresh();
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

DownstreamConnection& DataPath::accept(io::TransportPtr transport,
                                       const std::shared_ptr<observe::ListenerCounts>& listener,
                                       const ListenerTerms& terms) {
  if (std::find(listeners_.begin(), listeners_.end(), listener) == listeners_.end())
    listeners_.push_back(listener);
  observe::ListenerShare& counts = listener->of(worker_);
  DownstreamConnection* connection = nullptr;
  if (terms.tls) {
    auto* filter = tls::TlsTransport::accept(runtime_, tls_scratch_, std::move(transport), terms.tls);
    connection = new DownstreamConnection(*this, *filter, counts, terms.protocol);
  } else {
    connection = new DownstreamConnection(*this, std::move(transport), counts, terms.protocol);
  }
  connections_.push_back(*connection);
  if (grace_ || is_asked_to_leave()) connection->drain(idle_timeout());
  return *connection;
}

DownstreamConnection& DataPath::accept_over_limit(io::TransportPtr transport,
                                                  const std::shared_ptr<observe::ListenerCounts>& listener,
                                                  const ListenerTerms& terms) {
  counts_.client_connections.fetch_add(1, std::memory_order_relaxed);
  return accept(std::move(transport), listener, terms);
}

void DataPath::close_idle_upstreams() {
  const base::Time now = runtime_.now();
  if (now < next_close_idle_) return;  // many may ask for it at once, and there may be many nodes
  next_close_idle_ = now + kCloseIdlePause;
  upstreams_.close_idle();
}

void DataPath::retire(DownstreamConnection& connection) {
  counts_.client_connections.fetch_sub(1, std::memory_order_relaxed);
  connection.base::ListHook<ConnectionTag>::unlink();
  runtime_.graveyard().retire(std::unique_ptr<DownstreamConnection>(&connection));
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
    return *exchanges_.back();
  }
  Exchange& exchange = *free_.back();
  free_.pop_back();
  return exchange;
}

void DataPath::recycle(Exchange& exchange) {
  free_.push_back(&exchange);
}

// A head that could not be read, or not wholly: there is no exchange, but an answer and a line in the logs.
void DataPath::refuse(http::Stream& stream, const base::Error& error, const io::Ip& peer) {
  const int status = status_of(error);
  std::string id;
  make_request_id(id);
  http::Response& head = scratch_.response;
  make_reply({error, status, date(), id, {}}, head, refusal_);
  stream.send(http::ResponseHead{&head});
  stream.send(http::Body{refusal_});
  stream.send(http::End{});
  refusal_log_.note_request(error, status, peer, runtime_.now());
  if (!logs(error.reason, status)) return;
  observe::ExchangeRecord record;
  record.client = peer;
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
  connections_.for_each([this](DownstreamConnection& connection) { connection.drain(idle_timeout()); });
}

void DataPath::ask_to_leave() {
  connections_.for_each([this](DownstreamConnection& connection) { connection.drain(idle_timeout()); });
}

bool DataPath::is_asked_to_leave() const {
  return runtime_.now().time_since_epoch().count() < counts_.leave_until.load(std::memory_order_relaxed);
}

void DataPath::drain(const observe::ListenerCounts& listener, base::Duration grace) {
  const auto known = std::find_if(listeners_.begin(), listeners_.end(),
                                  [&](const auto& each) { return each.get() == &listener; });
  if (known == listeners_.end()) return;
  const observe::ListenerShare& share = (*known)->of(worker_);
  connections_.for_each([&](DownstreamConnection& connection) {
    if (connection.came_by(share)) connection.drain(grace);
  });
}

base::Duration DataPath::idle_timeout() const {
  return grace_ ? std::min(*grace_, timeouts().idle) : timeouts().idle;
}

}  // namespace weir::core
