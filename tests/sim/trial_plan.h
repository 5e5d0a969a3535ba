// What one seed means: the whole course of a trial as plain data, drawn before it begins. Clients and nodes
// carry it out; whatever is left out of it leaves the rest as it was, which is how a failing trial is made
// small.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/time.h"
#include "tests/sim/sim_rules.h"

namespace weir::sim {

enum class Method : std::uint8_t { get, head, put, post };
enum class BodyFraming : std::uint8_t { none, counted, chunked, until_close };

// What a node does with a request that reaches it.
enum class AnswerFault : std::uint8_t {
  none,
  closes_unanswered,
  resets_unanswered,
  silent,           // says nothing
  early,            // answers before it has read the body, and closes
  early_in_parts,   // likewise, and takes its time over the second half
  cut_by_close,     // after `fault_at` bytes of the body
  cut_by_reset,     // likewise
  stalls,           // likewise, and says nothing more
  garbage,          // is no HTTP
  garbage_in_body,  // a chunked body that breaks its own rules
};

inline constexpr std::size_t kAnswerFaults = 11;

// What a node that speaks HTTP/2 does besides.
enum class H2Fault : std::uint8_t {
  none,
  refuses,            // REFUSED_STREAM
  goes_away,          // GOAWAY that declines the request, and those behind it
  goes_away_after,    // GOAWAY that declines those behind it alone
  resets_stream,      // unanswered
  cuts_stream,        // RST_STREAM after `fault_at` bytes of the body
  breaks_stream,      // an answer that is malformed
  breaks_connection,  // frames that HTTP/2 does not allow
  goes_mute,          // says nothing more on its connection, to PINGs neither
};

inline constexpr std::size_t kH2Faults = 9;

struct AnswerPlan {
  int status = 200;
  BodyFraming framing = BodyFraming::counted;
  std::uint32_t size = 0;
  base::Duration delay{};                     // from the end of the request to the head
  std::uint8_t interim = 0;                   // 103s before the head
  std::optional<std::uint8_t> retry_after{};  // what it says of that, in seconds
  bool trailers = false;
  bool says_close = false;    // Connection: close, and closes
  bool closes_later = false;  // says nothing of it, and closes the connection once it is idle
  AnswerFault fault = AnswerFault::none;
  H2Fault h2_fault = H2Fault::none;  // instead, where the node speaks HTTP/2
  std::uint32_t fault_at = 0;
};

struct RequestPlan {
  Method method = Method::get;
  BodyFraming framing = BodyFraming::none;  // none, counted or chunked
  std::uint32_t size = 0;
  bool trailers = false;
  bool expects_continue = false;
  bool keyed = false;      // named by an Idempotency-Key
  bool upgrade = false;    // a tunnel, in which `size` bytes go each way; the last of its connection
  base::Duration think{};  // before it is sent
  std::array<AnswerPlan, 2> answers;  // to its first try, and to all later ones
};

// Of sticky sessions, and others.
enum class ClientCookies : std::uint8_t { none, kept, forged };

enum class ClientFault : std::uint8_t {
  none,
  leaves,        // RST at `fault_at` bytes sent
  half_closes,   // FIN behind its last request
  stalls,        // sends nothing more from `fault_at` bytes on
  reads_slowly,  // stops reading for a while again and again
  reads_never,   // stops reading for good after `fault_at` bytes
  garbage,       // sends what is no HTTP at `fault_at`
  breaks_body,   // of its first chunked request from `fault_at` on
};

inline constexpr std::size_t kClientFaults = 8;

// What a client that speaks HTTP/2 does besides.
enum class H2ClientFault : std::uint8_t {
  none,
  resets_streams,   // some of its requests, at any moment
  goes_away,        // with a GOAWAY, once it has sent `fault_at` bytes: what has begun goes on
  never_grants,     // the windows of some of its requests
  breaks_requests,  // some of them are malformed
  // Too much of what HTTP/2 allows, all at once.
  floods_pings,
  floods_settings,
  floods_windows,
  floods_empty_frames,
  floods_continuations,
  floods_headers,       // one head beyond every bound
  floods_resets,        // requests that it resets at once
  floods_provocations,  // requests that Weir has to reset
};

inline constexpr std::size_t kH2ClientFaults = 13;
inline constexpr bool is_flood(H2ClientFault fault) {
  return fault >= H2ClientFault::floods_pings;
}
// A request for it is nobody's: those of floods.
inline constexpr std::string_view kFloodTarget = "/flood";

// How the far end of an HTTP/2 connection treats it.
struct H2Manners {
  std::uint32_t streams = 100;  // that it allows at a time
  std::uint32_t window = 65'535;
  std::uint32_t changes_after = 0;  // so many requests both are others; 0: never
  std::uint32_t later_streams = 100, later_window = 65'535;
  base::Duration settings_after{};  // its settings come so late, and all else behind them
  base::Duration grants_after{};    // windows open so late
  bool takes_tunnels = true;
};

// What a peer that speaks TLS does wrong with it, on one of its connections.
enum class TlsFault : std::uint8_t {
  none,
  // Before the handshake is over.
  stops,        // in the middle of its first bytes, and says nothing more
  not_tls,      // its first bytes are something else
  flips_a_bit,  // of its first bytes
  ends,         // FIN behind its first bytes
  resets,       // RST likewise
  clear_http,   // a client: a request without TLS
  strange,      // a node: shows a certificate that nobody believes
  // Once it is, when `fault_at` bytes have been sent through it.
  breaks_record,
  floods_keys,   // changes keys without end, and reads none of the answers
  renegotiates,  // a client, under TLS 1.2
  says_goodbye,  // a client: and sends nothing more, in the middle of whatever it is
  // Whenever it ends.
  without_goodbye,  // FIN alone
  goodbye_alone,    // a node: no FIN; Weir has to end the connection
};

inline constexpr std::size_t kTlsFaults = 14;
inline constexpr bool is_of_handshake(TlsFault fault) {
  return fault >= TlsFault::stops && fault <= TlsFault::strange;
}
enum class TlsSide : std::uint8_t { client, node };
bool has(TlsSide side, TlsFault fault);  // it is one of its

struct TlsManners {
  bool old = false;            // TLS 1.2
  bool resumes = true;         // a client: goes on with its latest session
  bool h1_alone = false;       // a node: that is what it agrees to
  bool late_tickets = false;   // a node: more of them, behind answers
  std::uint32_t record = 0;    // records carry so many bytes at most; 0: what fits in
  std::uint32_t new_keys = 0;  // after so many bytes, each time; 0: never
  TlsFault fault = TlsFault::none;
  std::uint32_t fault_at = 0;
};

struct ClientPlan {
  std::uint32_t number = 0;  // part of its requests' ids
  base::Duration begins{};
  std::uint32_t depth = 1;   // requests under way at once
  std::uint32_t piece = 0;   // bytes that are sent at a time; 0: all
  base::Duration between{};  // pieces
  ClientFault fault = ClientFault::none;
  std::optional<H2Manners> h2;  // it speaks HTTP/2, like that
  H2ClientFault h2_fault = H2ClientFault::none;
  std::uint32_t fault_at = 0;
  std::optional<TlsManners> tls;  // it speaks TLS, like that
  ClientCookies cookies = ClientCookies::none;
  std::vector<RequestPlan> requests;
};

// The longest that a node is ejected.
inline constexpr base::Duration kEjectionTime = std::chrono::milliseconds(500);
inline constexpr base::Duration kMostEjectionTime = std::chrono::seconds(2);

// A client that has not asked for so long may have been idle, to Weir, for as long as makes room for others.
inline constexpr base::Duration kMayMakeRoom = std::chrono::milliseconds(90);

// Weir's deadlines.
inline constexpr base::Duration kHeaderTimeout = std::chrono::seconds(2);  // of a client's handshake too
inline constexpr base::Duration kBodyTimeout = std::chrono::seconds(2);
inline constexpr base::Duration kConnectTimeout = std::chrono::milliseconds(500);
inline constexpr base::Duration kResponseTimeout = std::chrono::milliseconds(1500);
inline constexpr base::Duration kStreamIdleTimeout = std::chrono::seconds(2);
inline constexpr base::Duration kTunnelTimeout = std::chrono::seconds(5);

// What happens to the world meanwhile.
enum class WorldFault : std::uint8_t {
  node_dies,       // its connections are reset, new ones refused, for `span`
  node_vanishes,   // new connections get no answer, for `span`
  node_falls_ill,  // its checks fail, for `span`
  node_refuses,    // new connections are refused, for `span`
  node_drains,     // its operator wants no new work there, for `span`
  names_change,    // the nodes' name has other addresses, or none; nodes without a name: their pool's changes
  swap,            // another configuration is given
  crew_changes,    // other workers take clients
  no_descriptors,  // no connection to a node can be made, for `span`
  pause,           // everything that Weir would have done in `span` happens at its end
  leap,            // the clock is ahead by `span` all at once, and everybody is late
  wall_set,        // the time of day is another
  hand_over,       // another process takes the place of the one in charge
  node_resets,     // requests at it are reset unanswered, for `span`
  node_is_quiet,   // it says nothing to any request, for `span`
  node_says_so,    // in its answers to checks it has a word for itself, for `span`
  overload,        // Weir is overloaded, to one of three levels, for `span`
};
inline constexpr std::size_t kWorldFaults = 17;

// A node's word for itself.
enum class OwnWord : std::uint8_t { none, drain, maint, weight };

struct WorldEvent {
  base::Duration at{};
  WorldFault fault = WorldFault::swap;
  std::uint32_t node = 0;
  base::Duration span{};
  OwnWord word = OwnWord::none;  // of one that says so
};

struct TrialPlan {
  std::uint64_t seed = 0;
  SimRules rules;
  std::uint32_t workers = 2;
  std::uint32_t nodes = 3;
  std::string strategy = "round-robin";
  std::uint32_t attempts = 3;
  std::vector<std::uint16_t> retried = {502, 503, 504};  // statuses
  std::optional<std::uint32_t> retry_budget = 20;        // percent; none: no bound
  base::Duration backoff = std::chrono::milliseconds(25);
  base::Duration hedge_after{};        // a second try begins; 0: none does
  std::uint32_t hedge_percentile = 0;  // or after the time under which so many answers come
  std::uint32_t connections = 0;       // of clients, that Weir takes at once; 0: all
  std::uint32_t max_idle = 256;        // connections to a node, that are kept
  bool named = false;                  // the nodes are given by a name
  std::vector<H2Manners> h2_nodes;     // nodes speak HTTP/2, by turns so; none: HTTP/1.1
  std::vector<TlsManners> tls_nodes;   // nodes speak TLS, by turns so; none: in clear
  bool checks = true;
  std::uint32_t panic = 0;           // percent, of the pool
  bool ejects = true;                // likewise
  base::Duration slow_start{};       // likewise; 0: off
  std::uint32_t priority = 1;        // of the route: low, normal, high
  bool tiered = false;               // nodes have priorities, and some are backups
  base::Duration request_timeout{};  // of a whole request; 0: off
  bool sticky = false;               // clients are kept at their nodes
  base::Duration drain_timeout = std::chrono::seconds(30);
  std::uint32_t max_in_flight = 0;       // of the pool, at first; 0: any number
  std::uint32_t node_max_in_flight = 0;  // likewise of each node
  std::uint32_t max_connections = 0, node_max_connections = 0;
  bool learns_limits = false;  // of those that have none of their own
  std::uint32_t queue_size = 1000;
  base::Duration queue_timeout = std::chrono::seconds(5);
  bool traced = false;  // every exchange leaves its record
  bool calm = false;    // nothing is a reason for a request not to be answered by a node
  std::vector<ClientPlan> clients;
  std::vector<WorldEvent> events;  // by time

  // Clients may not be let in for a while: there are too many, or Weir is overloaded.
  bool may_wait_outside() const {
    return connections > 0 || std::any_of(events.begin(), events.end(), [](const WorldEvent& event) {
             return event.fault == WorldFault::overload;
           });
  }

  std::size_t requests() const;
  bool has_tls_clients() const;
  bool limits() const {
    return max_in_flight > 0 || node_max_in_flight > 0 || max_connections > 0 || node_max_connections > 0;
  }
  // In which a request waits for places and connections, at each of its tries.
  base::Duration most_queueing() const {
    return limits() ? attempts * queue_timeout : base::Duration::zero();
  }
  bool hedges() const { return hedge_after > base::Duration::zero() || hedge_percentile > 0; }
  std::uint32_t deepest_h2() const;  // requests that a client may have under way at once, to Weir
};

enum class Profile : std::uint8_t { calm, hostile };

TrialPlan make_plan(std::uint64_t seed, Profile profile);

std::string_view name_of(AnswerFault fault);
std::string_view name_of(H2Fault fault);
std::string_view name_of(ClientFault fault);
std::string_view name_of(H2ClientFault fault);
std::string_view name_of(TlsSide side, TlsFault fault);
std::string_view name_of(WorldFault fault);
std::string_view name_of(Method method);

}  // namespace weir::sim
