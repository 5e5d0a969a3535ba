#include "proxy/core/refusal_log.h"

#include <string>

#include <fmt/format.h>

#include "proxy/base/log.h"

namespace weir::core {
namespace {

std::string_view what_follows(policy::Verdict verdict) {
  switch (verdict) {
    case policy::Verdict::give_up:
      return "the client is told so";
    case policy::Verdict::other_node:
      return "trying another node, if there is one";
    case policy::Verdict::fresh_connection:
      return "trying a fresh connection to it";
  }
  return "";
}

}  // namespace

void RefusalLog::note_request(const base::Error& error, int status, const io::Ip& peer, base::Time now) {
  if (!requests_.admit(now)) return;
  const std::string end = status == 0 ? "cut the answer" : fmt::format("answered {}", status);
  base::log_info("refused a request from {}: {} ({}): {}; {}", peer.peer_text(), word(error.reason),
                 error.fault == base::Fault::downstream ? "client" : "weir", error.detail, end);
}

void RefusalLog::note_answer(const base::Error& error, std::string_view node, base::Time now) {
  if (!answers_.admit(now)) return;
  base::log_warning("refused an answer of node {}: {}: {}; closing the connection to it", node,
                    word(error.reason), error.detail);
}

void RefusalLog::write_proxy_header(observe::ProxyHeaderFailure why, const io::Ip& peer, base::Time now) {
  if (!proxy_headers_.admit(now)) return;
  base::log_debug("closed a connection from {}: its PROXY header is {}", peer.peer_text(),
                  why == observe::ProxyHeaderFailure::timeout
                      ? "late"
                      : observe::kProxyHeaderFailures[static_cast<std::size_t>(why)]);
}

void RefusalLog::write_attempt(const base::Error& error, std::string_view node, policy::Verdict verdict,
                               base::Time now) {
  if (!attempts_.admit(now)) return;
  base::log_debug("an attempt at node {} failed: {}: {}; {}", node, word(error.reason), error.detail,
                  what_follows(verdict));
}

}  // namespace weir::core
