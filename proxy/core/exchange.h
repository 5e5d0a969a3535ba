// One request and its response, from head to finish: the heart of Weir. It chooses a node, tries it, tries
// again where that is allowed, relays, and ends through finish(), which runs exactly once and yields one
// record. It asks neither side which protocol it speaks. Reused from request to request; owned by its
// worker's DataPath; loop thread only.
//
// clang-format off
//            | attempt ready | attempt failed    | final head                    | request cut | client gone | halves ended
//   Choosing | -> Trying     | Choosing or reply | -                             | reply       | finish      | -
//   Queued   | -             | -                 | -                             | reply       | finish      | -
//   Trying   | Trying        | Choosing or reply | Choosing, or Relaying, Tunnel | reply       | finish      | -
//   Relaying | -             | cut, finish       | -                             | cut, finish | finish      | finish
//   Tunnel   | -             | cut, finish       | -                             | cut, finish | finish      | finish
//   Closed   | -             | -                 | -                             | -           | -           | -
// clang-format on
//
// What is Choosing and finds all nodes at their limits is Queued until it is called, and chooses then.
// An answer with one of retry.statuses is dropped for another try where that is allowed; what is Choosing may
// wait for a moment before. A response that is complete before its request ends the exchange: the client's
// codec drops what is left of the request and closes, the node's connection is closed (Finishing is theirs,
// since it needs no decision). Interim heads are relayed from the first attempt only and commit to nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/config/config.h"
#include "proxy/core/arrival.h"
#include "proxy/core/attempt.h"
#include "proxy/core/exchange_table.h"
#include "proxy/core/grpc_web.h"
#include "proxy/core/ordered_events.h"
#include "proxy/core/replay_buffer.h"
#include "proxy/core/waiter.h"
#include "proxy/http/stream.h"
#include "proxy/io/runtime.h"
#include "proxy/observe/span.h"
#include "proxy/policy/min_rate.h"
#include "proxy/policy/retry.h"
#include "proxy/policy/router.h"
#include "proxy/policy/session.h"
#include "proxy/policy/trace_context.h"

namespace weir::core {

class DataPath;
class StickyTokens;
struct Generation;
struct Snapshot;
struct SnapshotRoute;
class Pool;

class Exchange final : public http::StreamHandler, AttemptHandler, Waiter, io::TimerHandler, io::Deferred {
 public:
  explicit Exchange(DataPath& path);

  // The events of a request on `client` follow; `arrival` is where it came in. Both outlive the exchange.
  // `pace` becomes what the request's route says of it, once there is one.
  void begin(http::Stream& client, const Arrival& arrival, ClientPace& pace);
  // A newer snapshot is in force. What is past its final head needs little of the old one: it takes that and
  // lets go, so that an hour-long tunnel keeps no configuration alive.
  void let_go_of_old_snapshot();
  // What it has in flight counts in its pool from now on, if that is limited.
  void count_in() {
    for (Try& each : tries_) each.attempt.count_in();
  }
  // Where DataPath has it among all.
  std::size_t index() const { return index_; }
  void set_index(std::size_t index) { index_ = index; }
  // Bytes of a body that no node has been found for, which Weir may have no memory left for: it is shed then.
  std::size_t kept_body() const;
  config::Priority priority() const;  // of what has a route
  void shed();

 private:
  using State = ExchangeState;
  // An attempt, and what is known of it.
  struct Try {
    explicit Try(AttemptHandler& handler) : attempt(handler) {}

    Attempt attempt;
    std::size_t node = 0;            // of the pool that it goes by; kElsewhere: that has it not, and
    std::shared_ptr<Endpoint> left;  // this is it
    std::uint64_t sent = 0;          // request body bytes
    base::Time at{};                 // it began
    base::Time asked_at{};           // the request was sent, or stopped being sendable
    base::Time heard_at{};           // the node last sent or took bytes
    base::Time quiet_at{};           // it was found to say nothing to anybody
    std::size_t unacknowledged = 0;  // then, of what it is to take
    base::SpanId span = 0;           // 0: none is under way
    std::uint32_t number = 0;        // of the exchange's attempts, in its spans
    int status = 0;                  // likewise, the node's
  };

  // The client's side.
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t bytes) override;
  void on_send_failed(const base::Error& error) override;
  void on_receive_failed(const base::Error& error) override;
  void on_reset(const base::Error& error) override;
  std::size_t held_bytes() const override;
  void on_request_head(http::Request& head);
  void on_request_body(std::string_view bytes);
  void on_request_trailers(http::Fields& trailers);
  void on_request_end();

  // The node's side.
  void on_attempt_ready(Attempt& attempt) override;
  void on_attempt_failed(Attempt& attempt, const base::Error& error) override;
  void on_attempt_event(Attempt& attempt, http::Event&& event) override;
  void on_attempt_sent(Attempt& attempt, std::size_t bytes) override;
  void on_attempt_send_failed(Attempt& attempt, const base::Error& error) override;
  bool waits_for_client(const Attempt& attempt) const override;
  void on_interim_head(http::Response& head);
  void on_final_head(http::Response& head);
  void on_response_end();
  void on_tunnel_end();
  void drop_from_tunnel(std::size_t bytes);
  void forgive(std::uint64_t bytes);

  // Decisions.
  void note(ExchangeEvent event) { table_.add(state_, event); }
  bool is_to_be_shed() const;
  bool find_route();
  void note_call();
  void note_patience(const std::string& field);
  void tell_patience();
  base::Error out_of_patience() const;
  bool is_sent_too_slowly(std::size_t bytes);
  void note_taken();
  void watch_taking();
  void look_at_rate(base::Time now);
  void translate();
  bool is_collected() const;
  void enter_pool();
  void find_session(const StickyTokens& sticky);
  policy::SessionVerdict judge_session() const;
  bool takes_more(std::size_t node) const;
  bool takes(std::size_t node) const;
  bool has_session() const {  // at a node that keeps it
    return session_.node && judge_session() == policy::SessionVerdict::stays;
  }
  bool leaves_out_full_one() const;
  void note_failed_session();
  void settle_session(const StickyTokens& sticky, http::Response& head);
  const policy::Router& router_of(const Snapshot& snapshot) const;
  std::optional<std::size_t> route_in(const Snapshot& snapshot) const;
  void name_host();
  void continue_for_node();
  void run_deferred() override;
  void choose();
  std::optional<std::size_t> find_node();
  std::optional<std::size_t> pick() const;
  void begin_at(std::size_t node, Place&& place);
  void reply_no_node();
  void await_node();
  void reply_no_route();
  void try_node(std::size_t node, Place&& place);
  void begin_try(std::size_t node, Place&& place, Attempt::Reuse reuse);
  bool may_replay() const;
  void await_descriptor(const base::Error& error);
  void reply(const base::Error& error);
  http::Response& make_reply_to(const base::Error& error);
  void redirect(std::uint16_t port);
  enum class Fare : std::uint8_t { none, paid, refused };  // refused: it has been answered
  Fare pay_rate(const policy::Admission* admission, observe::Count& over_rate);
  void give_back_rate(const policy::Admission& admission);
  void refuse(const policy::RateRule& rule, const policy::RateVerdict& verdict);
  void answer(http::Response& head, base::Reason reason);
  void cut(const base::Error& error);
  void end_call(const base::Error& error);
  void finish(base::Reason reason);
  void note_refusal(const base::Error& error, int status);
  void record(base::Reason reason, base::Duration total);
  void count(base::Reason reason, base::Duration total);
  void count_failed_attempt(const base::Error& error);

  // Limits and the queue (exchange_queue.cc).
  void choose_within_limits();
  bool is_limited() const;
  void learn_limit(int status);
  bool is_barred() const;
  void enter_queue();
  void leave_queue();
  bool take_place() override;
  bool sees_room() const override;
  bool on_called() override;
  void on_placed() override;
  void on_change() override;
  void on_shed(base::Reason why) override;

  // Retries (exchange_retry.cc).
  policy::FailedAttempt failed_attempt(const base::Error& error) const;
  struct Next {
    policy::Verdict verdict = policy::Verdict::give_up;
    base::Duration pause{};
  };
  Next what_follows(const base::Error& error);
  policy::Verdict judge(const policy::FailedAttempt& failed);
  base::Duration draw_pause() const;
  bool note_declined();
  bool note_lost();
  bool pay_for_retry(base::Duration pause);
  bool affords_retry() const;
  bool drop_answer(const http::Response& head);
  std::optional<base::Duration> find_other_node(const http::Response& head, base::Duration pause);
  void choose_again(base::Duration pause);

  // Reloads (exchange_reload.cc).
  struct Present {  // by the configuration that is in force; nullptr: nothing there is for this request
    const SnapshotRoute* route = nullptr;
    Pool* pool = nullptr;
  };
  void on_collected();
  Present find_present() const;
  bool is_stale() const;
  bool is_denied(const SnapshotRoute& route) const;
  void deny();
  bool is_carried_by(const Pool& pool) const;
  bool follow_reload() { return follow(find_present()); }
  bool follow(const Present& present);
  void take_route(const SnapshotRoute& route);
  void enter(Pool& pool);
  void carry_over(Try& each, const Pool& to);
  bool renew();
  bool renew_first();

  // Two tries at a time (exchange_hedge.cc).
  Try& other() { return tries_[try_ == &tries_[0] ? 1 : 0]; }
  const Try& other() const { return tries_[try_ == &tries_[0] ? 1 : 0]; }
  void turn_to(const Attempt& attempt) {
    if (&try_->attempt != &attempt) [[unlikely]]
      try_ = &other();
  }
  void plan_second();
  bool may_begin_second() const;
  void begin_second();
  std::optional<Place> spare_place(std::size_t node) const;
  void go_on_with_other();
  void overtake_other();
  void end_other(const base::Error& why);
  void end_tries(const base::Error& why);
  void note_head_time();
  std::optional<std::size_t> pick_trusted();
  base::Duration answer_time() const;
  void note_answer_time(int status);

  bool is_crossed(const http::Response& head) const;
  std::string_view node_name() const;
  Endpoint& endpoint_of(const Try& each) const;
  observe::NodeShare& counts_of(const Try& each) const;

  // Tracing (exchange_trace.cc); none of it is called while it is off.
  void begin_trace(const config::Tracing& tracing);
  void begin_attempt_span();
  void end_attempt_span(base::Reason reason, std::string_view detail);
  void end_trace(base::Reason reason);
  observe::Span make_span(observe::Span::Kind kind, base::Time begun) const;

  // Deadlines.
  struct Due {
    base::Time at = base::kNever;
    base::Reason reason = base::Reason::none;  // none: the node is quiet, which ends nothing

    void at_most(base::Time from, base::Duration span, base::Reason why);  // if that is sooner
  };
  Due next_due() const;
  Due due_while_trying() const;
  base::Duration slow_to_connect() const;
  bool is_taking(Try& each) const;
  std::optional<base::Time> owes_since(const Try& each) const;
  bool may_stay_silent() const;
  void look_at_quiet_node(const Try& each, Due& due) const;
  void note_asked() const;
  Due due_of(const Try& each) const;
  void arm();
  void on_timer() override;
  void on_node_quiet();
  bool leave_quiet_node();
  bool is_welcome() const;
  void end_try(const base::Error& why);  // the present one, which may wait for a slot
  void leave_node(const base::Error& why);
  void forget_tried();
  bool leave_full_node();
  bool leave_for_other(const base::Error& why);
  void expire(base::Reason reason);
  void turn_to_late();
  bool connects_in_vain() const;
  bool hangs_alone() const;
  // A client that was told to wait for 100 (Continue) waits for the node.
  bool node_owes_continue() const { return request_.expects_continue && !continue_sent_ && !body_began_; }
  void look_at_client();
  void fail_to_connect();

  DataPath& path_;
  ExchangeTable& table_;
  io::Timer timer_;
  std::array<Try, 2> tries_{Try(*this), Try(*this)};
  Try* try_ = &tries_[0];  // the one that is live, or that something was heard of last
  Try* second_ = nullptr;  // the one that began while another was live
  OrderedEvents order_{OrderedEvents::Side::request};
  http::Stream* client_ = nullptr;
  const Arrival* arrival_ = nullptr;
  std::shared_ptr<Endpoint> failed_at_;  // the node whose failure makes the next attempt a retry
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
  std::unique_ptr<GrpcWeb> web_;                // what stands between, if the client speaks gRPC-Web
  const config::Timeouts* timeouts_ = nullptr;  // the route's; null without one
  ClientPace* client_pace_ = nullptr;
  // The trace that it belongs to; of no meaning while it is off.
  struct Trace {
    enum class State : std::uint8_t {
      off,
      told,     // the node hears of it, and nobody else
      sampled,  // spans are made
    } state = State::off;
    policy::TraceContext context;
    base::SpanId exchange = 0;      // its span's id
    std::uint32_t attempts = 0;     // that began
    std::int64_t wall_at_zero = 0;  // the time since 1970 at which the monotonic clock stood at zero

    bool on() const { return state != State::off; }
    bool sampled() const { return state == State::sampled; }
  } trace_;
  http::Request request_;
  http::Fields trailers_;
  ReplayBuffer replay_;
  std::string text_;  // of a local reply, lent until the flush
  std::string request_id_;
  std::string own_host_;  // as the client has it, if nodes are told another one
  io::Ip client_ip_;
  std::vector<std::size_t> tried_;
  // What the client's cookie says, in a pool that is sticky.
  struct Session {
    std::optional<std::size_t> node;  // that it names
    bool failed = false;              // a try of this request at that node has
  } session_;
  std::optional<std::size_t> next_node_;  // that is to be tried, if it still takes requests then
  Place place_;                           // that was just taken, at
  std::size_t placed_ = 0;                // this node
  std::uint64_t affinity_ = 0;
  std::uint64_t body_limit_ = 0;
  std::uint64_t granted_ = 0;  // request body bytes granted back to the client
  std::uint64_t body_in_ = 0;
  std::uint64_t body_out_ = 0;
  std::uint64_t unsent_ = 0;  // response body bytes given to the client's stream and not yet sent
  base::Time begun_{};
  base::Time client_sent_at_{};
  base::Time granted_at_{};                // the client may send more since then
  base::Time client_took_at_{};            // it last took bytes, or was first given some
  base::Time choose_at_ = base::kNever;    // it waits until then; kNever: it does not
  base::Time short_since_ = base::kNever;  // of descriptors, for a try
  base::Time alone_since_ = base::kNever;  // it first found no node
  base::Time second_at_ = base::kNever;    // a second try may begin beside the first
  base::Time doubled_since_{};             // the first of two began
  base::Duration upstream_time_{};
  base::Duration patience_{};      // as the client says
  policy::MinRate sends_, takes_;  // the client
  base::Error last_error_;
  std::size_t index_ = 0;
  // Of all bytes for the client's connection:
  static constexpr std::uint64_t kNotLooked = UINT64_MAX;
  std::uint64_t sent_before_ = 0;         // those that had left when some of this did last
  std::uint64_t delivered_ = kNotLooked;  // those that its end had acknowledged when that was looked at last
  std::uint32_t attempts_ = 0;            // that reached a node
  std::uint32_t black_holes_ = 0;         // that ran into a connect timeout
  std::uint32_t refused_ = 0;             // that found no connection otherwise
  std::uint32_t declined_ = 0;            // that their nodes did nothing with
  std::uint32_t pauses_ = 0;              // before tries that the retry budget paid for
  int status_ = 0;
  State state_ = State::Closed;
  bool repeatable_ = false;  // nodes may get the request more than once
  bool request_ended_ = false;
  bool collecting_ = false;  // its body, before there is a node
  bool has_trailers_ = false;
  bool body_began_ = false;
  bool fresh_ = false;            // the next attempt takes a new connection
  bool left_full_node_ = false;   // since there was no connection to be had
  bool same_node_ = false;        // it goes to the same node, if that is still eligible
  bool endless_ = false;          // the response may be silent for as long as it likes
  bool endless_request_ = false;  // so may the request
  bool in_call_ = false;          // the answer is one of gRPC
  bool continue_sent_ = false;
  bool takes_too_slowly_ = false;  // the client
  bool node_ended_ = false;        // of a tunnel
  bool names_no_host_ = false;     // the client; the node is told its own name
  bool is_renamed_ = false;        // the host
};

}  // namespace weir::core
