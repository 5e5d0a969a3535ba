// The data path of one worker: its client connections, exchanges, snapshot in use and connections to nodes,
// on one loop. It is fed accepted transports and published snapshots, and everything below it asks the world
// through its Runtime alone. Owned by a worker; loop thread only.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "balancer/rng.h"
#include "proxy/codec/scratch.h"
#include "proxy/core/client_connection.h"
#include "proxy/core/downstream_connection.h"
#include "proxy/core/exchange.h"
#include "proxy/core/introduction.h"
#include "proxy/core/node_changes.h"
#include "proxy/core/pool.h"
#include "proxy/core/queue_desk.h"
#include "proxy/core/rate_table.h"
#include "proxy/core/raw_connection.h"
#include "proxy/core/reception.h"
#include "proxy/core/refusal_log.h"
#include "proxy/core/slot_desk.h"
#include "proxy/core/snapshot.h"
#include "proxy/core/upstreams.h"
#include "proxy/io/runtime.h"
#include "proxy/observe/access_log.h"
#include "proxy/observe/span_buffer.h"
#include "proxy/policy/overload.h"
#include "proxy/policy/trace_context.h"

namespace weir::core {

// What all workers count together.
struct SharedCounts {
  std::atomic<std::uint64_t> client_connections{0};  // bounded by limits.connections
  // Who comes before this time is asked to make another connection for the next request.
  std::atomic<base::Time::rep> leave_until{0};
  ClientTable clients;  // where limits.connections_per_client says so
  RateTable rates;
  std::atomic<policy::Overload::Level> overload{0};  // of Weir itself
  SlotDesks slots;
  std::atomic<std::uint64_t> held{0};    // bytes of heads and bodies, as of the last relief
  std::atomic<bool> wants_room{false};   // a client waits for a descriptor, and some worker has none to spare
  std::atomic<bool> wants_seats{false};  // likewise, since there are limits.connections
};

// A snapshot as one worker uses it. It goes when a newer one came and its last exchange ended or let go of
// it.
struct Generation {
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<Pool> pools;  // parallel to Snapshot::pools
  std::size_t exchanges = 0;
};

class DataPath final : io::TimerHandler, io::Deferred {
 public:
  // So long a connection to a node waits for a descriptor before it is tried again.
  static constexpr base::Duration kDescriptorWait = std::chrono::milliseconds(20);

  // `worker` is its number, under which it counts. `writer` may be nullptr: no access log, whatever the
  // configuration says; `spans` too: nobody wants them.
  DataPath(io::Runtime& runtime, SharedCounts& counts, std::size_t worker, std::uint64_t seed,
           base::LogWriter* writer, observe::SpanSink* spans = nullptr);
  ~DataPath();
  DataPath(const DataPath&) = delete;
  DataPath& operator=(const DataPath&) = delete;

  void publish(std::shared_ptr<const Snapshot> snapshot);
  // These nodes may have become eligible, or no longer be: those that are not get no new request and keep no
  // idle connection, and what is in flight there finishes.
  void on_nodes_changed(const NodeChanges& changes);
  // Takes one of limits.connections, if one is free over all workers; accept() uses it up.
  bool reserve();
  // Before publish() was called nothing may be accepted. `listener` is where the client came in, `reception`
  // how it receives. The connection may have ended already when this returns; what is returned is good until
  // the turn ends.
  ClientConnection& accept(io::TransportPtr transport,
                           const std::shared_ptr<observe::ListenerCounts>& listener,
                           const std::shared_ptr<const Reception>& reception);
  ClientConnection& accept_over_limit(io::TransportPtr transport,
                                      const std::shared_ptr<observe::ListenerCounts>& listener,
                                      const std::shared_ptr<const Reception>& reception);
  // Their descriptors are needed: for clients that wait, or for other nodes.
  void close_idle_upstreams();
  // The same, and of client connections those that have been idle the longest.
  // Somebody waits for that here; or elsewhere, where none was idle.
  enum class Needed : std::uint8_t { here, elsewhere };
  void make_room(Needed where = Needed::here);
  // Likewise, of clients, where there are as many as there may be.
  void make_seats(Needed where = Needed::here);
  // Whether a client that is accepted would be reset at once.
  bool turns_away(const io::Transport& transport, const Reception& reception);
  // While Weir is overloaded, once a second or more often: what is idle ends, and so does what holds the
  // most, until all workers together have let go of `excess` bytes (relief.cc). Whether this one had any.
  bool relieve(std::uint64_t excess);
  policy::Overload::Level overload() const { return counts_.overload.load(std::memory_order_relaxed); }

  // Ends in an orderly way: what is in flight finishes, idle connections answer one more request within
  // `grace`.
  void drain(base::Duration grace);
  // The same for those that came by this listener.
  void drain(const observe::ListenerCounts& listener, base::Duration grace);
  // Each is closed with its next answer; those that are idle stay open for it as long as ever.
  void ask_to_leave();
  bool drained() const { return connections_.empty(); }
  void hand_over_log();

  // For connections and exchanges.
  io::Runtime& runtime() { return runtime_; }
  codec::Scratch& scratch() { return scratch_; }
  std::size_t worker() const { return worker_; }
  const config::Timeouts& timeouts() const { return current_->snapshot->config.timeouts; }
  const Snapshot& snapshot() const { return *current_->snapshot; }
  base::Duration idle_timeout() const;  // of client connections; the grace once the path drains
  Generation& pin();
  bool is_current(const Generation& generation) const { return &generation == current_.get(); }
  Generation& current() { return *current_; }
  void unpin(Generation& generation);
  std::size_t exchanges() const { return exchanges_.size(); }  // those that wait for a request, too
  Exchange& take_exchange();
  void recycle(Exchange& exchange);
  void retire(ClientConnection& connection);
  // What has come in is the client's that `transport` names now, in the introduction's place.
  void take_over(Introduction& introduction, io::TransportPtr transport, const ListenerTerms& terms,
                 std::optional<base::Duration> grace);
  // Of the listener now, by its share.
  std::shared_ptr<const ListenerTerms> terms_of(const observe::ListenerShare& listener) const;
  tls::Scratch& tls_scratch() { return tls_scratch_; }
  // resume() is called when the callbacks of this poll are done.
  void resume_later(DownstreamConnection& connection);
  void forget_resume(DownstreamConnection& connection);
  RefusalLog& refusal_log() { return refusal_log_; }
  RateTable& rates() { return counts_.rates; }
  QueueDesk& queue_desk() { return queue_desk_; }
  SlotDesk& slot_desk() { return slot_desk_; }
  ExchangeTable& table() { return table_; }
  void refuse(http::Stream& stream, const base::Error& error, const Arrival& arrival);
  void make_request_id(std::string& out);
  std::string_view date();
  // Whether what ended so gets a line.
  bool logs(base::Reason reason, int status) { return log_ && log_->admits(reason, status); }
  void log(const observe::ExchangeRecord& record);
  policy::TraceDice throw_trace_dice() { return {{rng_(), rng_()}, rng_()}; }
  base::SpanId make_span_id();
  std::uint64_t draw() { return rng_(); }
  void add_span(observe::Span span);

 private:
  static constexpr std::size_t kMostFree = 256;  // exchanges that wait for a request
  void on_timer() override;
  void run_deferred() override;
  static void refresh(Generation& generation, const NodeChanges& changes);
  // A listener by which there are connections.
  struct Inlet {
    std::shared_ptr<observe::ListenerCounts> counts;
    std::shared_ptr<const Reception> reception;
  };

  ClientConnection& seat(io::TransportPtr transport, observe::ListenerShare& counts,
                         const ListenerTerms& terms);
  ClientConnection& make_connection(io::TransportPtr transport, observe::ListenerShare& counts,
                                    const ListenerTerms& terms);
  ClientConnection& turn_away(io::TransportPtr transport, observe::ListenerShare& counts,
                              observe::TurnedAwayFor why);
  ClientConnection& enlist(ClientConnection& connection);
  bool expects_header(const ListenerTerms& terms, const io::Ip& peer) const;
  static bool is_denied(const ListenerTerms& terms, const io::Ip& client);
  bool is_counted(const io::Ip& client) const;
  ClientTable::Key enter(const io::Ip& client);
  static bool has_clients(const observe::ListenerShare& listener);
  void use_log(const config::AccessLog& wanted);
  base::Duration jittered(base::Duration age);
  bool is_asked_to_leave() const;
  void end_idle_clients(std::size_t most, Needed where, std::atomic<bool>& wanted);
  std::vector<ClientConnection*> idle_longest(std::size_t most, base::Duration least);
  // Who holds bytes: heads, and what its other side does not take.
  struct Holder {
    std::size_t bytes;
    ClientConnection* connection;
  };
  std::vector<Holder> find_holders();
  std::uint64_t part_of(std::uint64_t excess, const std::vector<Holder>& holders);
  std::uint64_t end_holders(std::vector<Holder> holders, std::uint64_t excess);
  std::uint64_t shed_kept_bodies(std::uint64_t excess);
  void drop_old();
  void count_in();
  void poke_queues();

  io::Runtime& runtime_;
  SharedCounts& counts_;
  const std::size_t worker_;
  balancer::Rng rng_;
  codec::Scratch scratch_;
  tls::Scratch tls_scratch_;
  SlotDesk slot_desk_;
  Upstreams upstreams_;
  QueueDesk queue_desk_;
  std::unique_ptr<Generation> current_;
  std::vector<std::unique_ptr<Generation>> old_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;  // all of them
  std::vector<Exchange*> free_;                       // of these, kMostFree at most
  std::vector<Inlet> listeners_;
  base::IntrusiveList<ClientConnection, ConnectionTag> connections_;
  std::vector<DownstreamConnection*> to_resume_;
  base::LogWriter* writer_;
  std::unique_ptr<observe::AccessLog> log_;
  std::optional<observe::SpanBuffer> spans_;
  io::Timer timer_;  // hands gathered log lines and spans over
  RefusalLog refusal_log_;
  ExchangeTable table_;
  std::string refusal_;  // the text of the latest refusal, lent until the flush
  std::string date_;
  std::int64_t date_second_ = -1;
  base::Time next_close_idle_ = base::Time::min(), next_make_room_ = base::Time::min();
  std::optional<base::Duration> grace_;  // while draining
  std::uint64_t held_ = 0;               // of counts_.held
};

}  // namespace weir::core
