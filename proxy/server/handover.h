// What a process leaves to the one that takes its place, as a document: which listening sockets come with it,
// in this order, what was known of the nodes, and which configurations were in force. JSON, so that other
// versions can read it: what one does not know it passes over; a form that it would misunderstand has another
// number, and is refused. See decision 007. Values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/recent.h"
#include "proxy/base/result.h"
#include "proxy/core/reload_guard.h"
#include "proxy/core/snapshot.h"
#include "proxy/server/history.h"
#include "proxy/server/inherited_sockets.h"
#include "proxy/tls/ticket_keys.h"

namespace weir::server {

struct Handover {
  static constexpr int kForm = 1;

  struct Sockets {
    SocketGroup::Use use = SocketGroup::Use::listener;
    SocketMaker maker = SocketMaker::weir;
    io::Address wanted, bound;
    std::size_t count = 1;
  };
  // The configuration's, in force; and the hash of the file's, if that was taken back ("" if not).
  struct Text {
    std::string in_force;
    std::string rejected_hash;
  };
  std::vector<Sockets> sockets;
  Text text;
  std::vector<History::Past> history;  // its texts yet to be read as configurations
  base::Duration leaving{};            // for so long clients are still to be asked to go elsewhere
  tls::TicketKeys::Known tickets;      // keys of sessions that may go on
  core::PoolStandings standing;        // answers and errors of the last seconds, by pool
  core::Legacy legacy;
};

std::string text_of(const Handover& handover);
// `now`: ages are from then. The error says why it cannot be read.
base::Result<Handover, std::string> read_handover(std::string_view text, base::Time now);

// What is known of a snapshot's nodes. Any thread.
core::KnownNodes known_nodes(const core::Snapshot& snapshot, const admin::Latencies& latencies,
                             base::Time now);

}  // namespace weir::server
