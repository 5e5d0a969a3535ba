// What one seed means: the whole course of a trial as plain data, drawn before it begins. Clients and nodes
// carry it out; whatever is left out of it leaves the rest as it was, which is how a failing trial is made
// small.
#pragma once

#include <array>
#include <cstdint>
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

struct AnswerPlan {
  int status = 200;
  BodyFraming framing = BodyFraming::counted;
  std::uint32_t size = 0;
  base::Duration delay{};    // from the end of the request to the head
  std::uint8_t interim = 0;  // 103s before the head
  bool trailers = false;
  bool says_close = false;    // Connection: close, and closes
  bool closes_later = false;  // says nothing of it, and closes the connection once it is idle
  AnswerFault fault = AnswerFault::none;
  std::uint32_t fault_at = 0;
};

struct RequestPlan {
  Method method = Method::get;
  BodyFraming framing = BodyFraming::none;  // none, counted or chunked
  std::uint32_t size = 0;
  bool trailers = false;
  bool expects_continue = false;
  bool upgrade = false;    // a tunnel, in which `size` bytes go each way; the last of its connection
  base::Duration think{};  // before it is sent
  std::array<AnswerPlan, 2> answers;  // to its first try, and to all later ones
};

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

struct ClientPlan {
  std::uint32_t number = 0;  // part of its requests' ids
  base::Duration begins{};
  std::uint32_t depth = 1;   // requests under way at once
  std::uint32_t piece = 0;   // bytes that are sent at a time; 0: all
  base::Duration between{};  // pieces
  ClientFault fault = ClientFault::none;
  std::uint32_t fault_at = 0;
  std::vector<RequestPlan> requests;
};

// Weir's deadlines.
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
};
inline constexpr std::size_t kWorldFaults = 13;

struct WorldEvent {
  base::Duration at{};
  WorldFault fault = WorldFault::swap;
  std::uint32_t node = 0;
  base::Duration span{};
};

struct TrialPlan {
  std::uint64_t seed = 0;
  SimRules rules;
  std::uint32_t workers = 2;
  std::uint32_t nodes = 3;
  std::string strategy = "round-robin";
  std::uint32_t attempts = 3;
  std::uint32_t connections = 0;  // of clients, that Weir takes at once; 0: all
  std::uint32_t max_idle = 256;   // connections to a node, that are kept
  bool named = false;             // the nodes are given by a name
  bool checks = true;
  base::Duration request_timeout{};  // of a whole request; 0: off
  bool traced = false;               // every exchange leaves its record
  bool calm = false;                 // nothing is a reason for a request not to be answered by a node
  std::vector<ClientPlan> clients;
  std::vector<WorldEvent> events;  // by time

  std::size_t requests() const;
};

enum class Profile : std::uint8_t { calm, hostile };

TrialPlan make_plan(std::uint64_t seed, Profile profile);

std::string_view name_of(AnswerFault fault);
std::string_view name_of(ClientFault fault);
std::string_view name_of(WorldFault fault);
std::string_view name_of(Method method);

}  // namespace weir::sim
