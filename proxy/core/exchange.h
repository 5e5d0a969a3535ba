// One request and its response, from head to finish: the heart of Weir. It chooses a node, tries it, tries
// again where that is allowed, relays, and ends through finish(), which runs exactly once and yields one
// record. It asks neither side which protocol it speaks. Reused from request to request; owned by its
// worker's DataPath; loop thread only.
//
// clang-format off
//            | attempt ready | attempt failed    | final head          | request cut                      | client gone | halves ended
//   Choosing | -> Trying     | Choosing or reply | -                   | reply                            | finish      | -
//   Trying   | -             | Choosing or reply | -> Relaying, Tunnel | reply                            | finish      | -
//   Relaying | -             | cut, finish       | -                   | cut, finish                      | finish      | finish
//   Tunnel   | -             | cut, finish       | -                   | cut, finish                      | finish      | finish
//   Closed   | -             | -                 | -                   | -                                | -           | -
// clang-format on
//
// A response that is complete before its request ends the exchange: the client's codec drops what is left of
// the request and closes, the node's connection is closed (Finishing is theirs, since it needs no decision).
// Interim heads are relayed from the first attempt only and commit to nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/core/attempt.h"
#include "proxy/core/exchange_table.h"
#include "proxy/core/ordered_events.h"
#include "proxy/core/replay_buffer.h"
#include "proxy/http/stream.h"
#include "proxy/io/runtime.h"
#include "proxy/observe/span.h"
#include "proxy/policy/trace_context.h"

namespace weir::core {

class DataPath;
struct Generation;
struct SnapshotRoute;
class Pool;

class Exchange final : public http::StreamHandler, AttemptHandler, io::TimerHandler, io::Deferred {
 public:
  explicit Exchange(DataPath& path);

  // The events of a request on `client` follow; `peer` is who sent it, `scheme` how the
  // connection is spoken over, "http" or "https". All three outlive the exchange.
  // `body_timeout` becomes what the request's route says of it, once there is one. `listener` is where it
  // came in.
  void begin(http::Stream& client, const io::Ip& peer, std::string_view scheme, base::Duration& body_timeout,
             observe::ListenerShare& listener);
  // A newer snapshot is in force. What is past its final head needs little of the old one: it takes that and
  // lets go, so that an hour-long tunnel keeps no configuration alive.
  void let_go_of_old_snapshot();

 private:
  using State = ExchangeState;

  // The client's side.
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t bytes) override;
  void on_send_failed(const base::Error& error) override;
  void on_receive_failed(const base::Error& error) override;
  void on_reset(const base::Error& error) override;
  void on_request_head(http::Request& head);
  void on_request_body(std::string_view bytes);
  void on_request_trailers(http::Fields& trailers);
  void on_request_end();

  // The node's side.
  void on_attempt_ready() override;
  void on_attempt_failed(const base::Error& error) override;
  void on_attempt_event(http::Event&& event) override;
  void on_attempt_sent(std::size_t bytes) override;
  void on_attempt_send_failed(const base::Error& error) override;
  void on_interim_head(http::Response& head);
  void on_final_head(http::Response& head);
  void on_response_end();
  void on_tunnel_end();
  void drop_from_tunnel(std::size_t bytes);
  void forgive(std::uint64_t bytes);

  // Decisions.
  void note(ExchangeEvent event) { table_.add(state_, event); }
  bool find_route();
  void continue_for_node();
  void run_deferred() override;
  void choose();
  void try_node(std::size_t node);
  bool may_replay() const;
  void await_descriptor(const base::Error& error);
  void reply(const base::Error& error);
  void cut(const base::Error& error);
  void finish(base::Reason reason);
  void note_refusal(const base::Error& error, int status);
  void record(base::Reason reason, base::Duration total);
  void count(base::Reason reason, base::Duration total);
  void count_failed_attempt(const base::Error& error);
  bool is_crossed(const http::Response& head) const;
  std::string_view node_name() const;

  // Tracing (exchange_trace.cc); none of it is called while it is off.
  void begin_trace(const config::Tracing& tracing);
  void begin_attempt_span();
  void end_attempt_span(base::Reason reason, std::string_view detail);
  void end_trace(base::Reason reason);
  observe::Span make_span(observe::Span::Kind kind, base::Time begun) const;

  // Deadlines.
  struct Due {
    base::Time at = base::kNever;
    base::Reason reason = base::Reason::none;

    void at_most(base::Time from, base::Duration span, base::Reason why);  // if that is sooner
  };
  Due next_due() const;
  Due due_while_trying() const;
  void arm();
  void on_timer() override;
  void expire(base::Reason reason);

  DataPath& path_;
  ExchangeTable& table_;
  io::Timer timer_;
  Attempt attempt_{*this};
  OrderedEvents order_{OrderedEvents::Side::request};
  http::Stream* client_ = nullptr;
  const io::Ip* peer_ = nullptr;
  std::string_view scheme_;
  observe::ListenerShare* listener_ = nullptr;
  observe::NodeShare* failed_at_ = nullptr;  // the node whose failure makes the next attempt a retry
  // Of the snapshot; null once it was let go of.
  Generation* generation_ = nullptr;
  const SnapshotRoute* route_ = nullptr;
  Pool* pool_ = nullptr;
  // What an exchange that let go of its snapshot took from it.
  struct Kept {
    config::Timeouts timeouts;
    std::shared_ptr<observe::RouteCounts> counts;
    std::string route, pool, node;
  };
  std::unique_ptr<Kept> kept_;
  const config::Timeouts* timeouts_ = nullptr;  // the route's; null without one
  base::Duration* client_body_timeout_ = nullptr;
  // The trace that it belongs to; of no meaning while it is off.
  struct Trace {
    enum class State : std::uint8_t {
      off,
      told,     // the node hears of it, and nobody else
      sampled,  // spans are made
    } state = State::off;
    policy::TraceContext context;
    base::SpanId exchange = 0;      // the spans' ids
    base::SpanId attempt = 0;       // 0: none is under way
    std::uint32_t attempts = 0;     // that began
    int status = 0;                 // the node's, of the attempt under way
    std::int64_t wall_at_zero = 0;  // the time since 1970 at which the monotonic clock stood at zero

    bool on() const { return state != State::off; }
    bool sampled() const { return state == State::sampled; }
  } trace_;
  http::Request request_;
  http::Fields trailers_;
  ReplayBuffer replay_;
  std::string text_;  // of a local reply, lent until the flush
  std::string request_id_;
  io::Ip client_ip_;
  std::vector<std::size_t> tried_;
  std::size_t node_ = 0;  // the present or latest attempt's
  std::uint64_t affinity_ = 0;
  std::uint64_t body_limit_ = 0;
  std::uint64_t granted_ = 0;       // request body bytes granted back to the client
  std::uint64_t attempt_sent_ = 0;  // request body bytes the present attempt has sent
  std::uint64_t body_in_ = 0;
  std::uint64_t body_out_ = 0;
  std::uint64_t unsent_ = 0;  // response body bytes given to the client's stream and not yet sent
  base::Time begun_{};
  base::Time attempt_at_{};  // the attempt began
  base::Time asked_at_{};    // the request was sent, or stopped being sendable
  base::Time client_sent_at_{};
  base::Time client_took_at_{};  // it last took bytes, or was first given some
  base::Time node_at_{};         // the node last sent or took bytes
  base::Duration upstream_time_{};
  base::Error last_error_;
  std::uint32_t attempts_ = 0;     // that reached a node
  std::uint32_t black_holes_ = 0;  // that ran into a connect timeout
  std::uint32_t refused_ = 0;      // that found no connection otherwise
  int status_ = 0;
  State state_ = State::Closed;
  bool request_ended_ = false;
  bool has_trailers_ = false;
  bool body_began_ = false;
  bool fresh_ = false;      // the next attempt takes a new connection
  bool same_node_ = false;  // it goes to the same node, if that is still eligible
  bool endless_ = false;    // the response may be silent for as long as it likes
  bool continue_sent_ = false;
  bool short_of_descriptors_ = false;  // the next attempt waits for one to come free
  bool node_ended_ = false;            // of a tunnel
  bool names_no_host_ = false;         // the node is told its own name
};

}  // namespace weir::core
